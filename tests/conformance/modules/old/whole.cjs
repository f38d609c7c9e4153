const { double } = require("./parts.cjs");
module.exports = function (n) { return double(n) + 1; };
