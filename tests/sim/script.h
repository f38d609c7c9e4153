// Scripts of the simulated objects: what an event does, step by step. Made from a seed; plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace limpet::sim {

enum class Op : uint8_t {
  kGet,      // Read a key; nothing else may run meanwhile.
  kGetOpen,  // The same with allowConcurrency.
  kGetMany,
  kReadThenWrite,  // A read that is not awaited before the same key is written.
  kPut,
  kPutUnconfirmed,
  kPair,  // Two keys in two calls, one burst.
  kDelete,
  kList,
  kDeleteAll,
  kSync,
  kSetAlarm,
  kGetAlarm,
  kDeleteAlarm,
  kSqlPut,
  kSqlPair,  // Two rows in two statements; the first refers to the second.
  kSqlMany,  // Rows of many pages in one statement.
  kSqlDelete,
  kSqlRead,
  kSqlRefused,  // A statement that fails half way, and leaves nothing.
  kSqlMixed,    // A pair, a row and the alarm in one burst.
  kSqlLong,     // A query during which the shard serves others.
  kSqlSync,     // A transaction in which nothing is awaited: pairs and rows, one inside the other, some rolled back.
  kSqlViolate,  // A row that nothing may end with.
  kBegin,       // A critical section with a transaction: up to kCommit or kRollback.
  kCommit,
  kRollback,
  kEnter,  // A critical section: up to kLeave.
  kLeave,
  kSleep,       // An awaited timer.
  kHang,        // An awaited timer that outlasts any deploy.
  kFetch,       // An awaited subrequest.
  kTimerFetch,  // A timer, not awaited, that writes and then sends a subrequest.
  kWaitUntil,   // Work that goes on after the reply: writes, then sends.
  kLog,
  kCall,  // An awaited call to another object.
  kReplyEarly,
  kAccept,  // A hibernatable WebSocket, whose other end goes out with the reply.
  kSocketSend,
  kSocketClose,
  kAttach,
  kAutoResponse,
  kEventTimeout,
  kStream,  // Reply with a body whose chunks follow writes of their own. The last.
  kThrow,   // The last.
  kAbort,   // The last.
};

struct Step {
  Op op;
  uint32_t number = 0;  // Which key, how long, whom to call.
};
using Script = std::vector<Step>;

struct ScriptKinds {
  bool calls = true;
  bool aborts = true;
  bool accepts = false;
  bool sql = false;
  bool replies = true;  // Somebody may read a body.
  uint32_t steps_max = 7;
};
Script MakeScript(Random& random, ScriptKinds kinds);

}  // namespace limpet::sim
