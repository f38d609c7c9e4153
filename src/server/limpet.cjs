// All the JavaScript of the host: loads the core, which takes over the process and never returns.
process.dlopen({ exports: {} }, require("node:path").join(__dirname, "limpet.node"));
