// node tests/host.cjs FILE.node [GoogleTest flags]: runs a test program that needs the host's symbols.
process.env.LIMPET_TEST_ARGUMENTS = process.argv.slice(3).join(" ");
process.dlopen({ exports: {} }, require("node:path").resolve(process.argv[2]));
