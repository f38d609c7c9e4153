# limpet_sqlite: SQLite, from the amalgamation in the npm package better-sqlite3 (none of the package's own code or
# binaries), with our options. The host has a SQLite of its own: hidden visibility keeps the two apart.
set(sqlite_dir ${CMAKE_SOURCE_DIR}/node_modules/better-sqlite3/deps/sqlite3)
if(NOT EXISTS ${sqlite_dir}/sqlite3.c)
  message(FATAL_ERROR "better-sqlite3 is missing: run ./dev bootstrap first")
endif()
set(sqlite_source ${CMAKE_BINARY_DIR}/src/sqlite3.c)
add_custom_command(
  OUTPUT ${sqlite_source}
  COMMAND ${LIMPET_NODE_DIR}/bin/node ${CMAKE_SOURCE_DIR}/src/sql/amalgamation.mjs ${sqlite_dir}/sqlite3.c ${sqlite_source}
  DEPENDS ${CMAKE_SOURCE_DIR}/src/sql/amalgamation.mjs ${sqlite_dir}/sqlite3.c
  VERBATIM)
add_library(limpet_sqlite STATIC ${sqlite_source})
target_include_directories(limpet_sqlite SYSTEM PUBLIC ${sqlite_dir})
target_compile_options(limpet_sqlite PRIVATE -w -O2 $<$<BOOL:${LIMPET_SANITIZE}>:-fno-sanitize=undefined>)
target_compile_definitions(limpet_sqlite PRIVATE
  SQLITE_THREADSAFE=2  # A connection belongs to one thread.
  SQLITE_DEFAULT_MEMSTATUS=0
  # No file is ever opened: a transaction's pages come as one batch, and everything temporary stays in memory (bounded
  # by src/sql/memory.cc).
  SQLITE_ENABLE_BATCH_ATOMIC_WRITE
  SQLITE_TEMP_STORE=3
  SQLITE_STMTJRNL_SPILL=-1
  SQLITE_DEFAULT_PCACHE_INITSZ=0  # Or each connection takes 20 pages at once.
  SQLITE_DEFAULT_MMAP_SIZE=0
  SQLITE_MAX_MMAP_SIZE=0
  SQLITE_DEFAULT_WORKER_THREADS=0
  SQLITE_MAX_WORKER_THREADS=0
  # What scripts may use, as in workerd.
  SQLITE_DEFAULT_FOREIGN_KEYS=1
  SQLITE_ENABLE_FTS5
  SQLITE_ENABLE_RTREE
  SQLITE_ENABLE_MATH_FUNCTIONS
  SQLITE_ENABLE_UPDATE_DELETE_LIMIT
  SQLITE_PRINTF_PRECISION_LIMIT=100000
  SQLITE_OMIT_SHARED_CACHE
  SQLITE_OMIT_DESERIALIZE
  SQLITE_OMIT_TCL_VARIABLE
  SQLITE_USE_URI=0
  SQLITE_HAVE_ISNAN
  HAVE_USLEEP=1)
