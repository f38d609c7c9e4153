module.exports = { lazy: true };
