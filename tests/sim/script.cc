#include "sim/script.h"

namespace limpet::sim {
namespace {

Op Pick(Random& random, bool inside, ScriptKinds kinds) {
  static constexpr Op kAnywhere[] = {Op::kGet,    Op::kGet,     Op::kPut,     Op::kPut,           Op::kPair,
                                     Op::kPair,   Op::kGetOpen, Op::kGetMany, Op::kReadThenWrite, Op::kPutUnconfirmed,
                                     Op::kDelete, Op::kList,    Op::kSleep,   Op::kLog,           Op::kTimerFetch};
  static constexpr Op kOutside[] = {Op::kDeleteAll, Op::kSync,       Op::kFetch, Op::kWaitUntil,
                                    Op::kCall,      Op::kReplyEarly, Op::kFetch};
  static constexpr Op kSockets[] = {Op::kSocketSend,  Op::kSocketSend,   Op::kSocketSend,  Op::kAttach,
                                    Op::kSocketClose, Op::kAutoResponse, Op::kEventTimeout};
  static constexpr Op kAlarms[] = {Op::kSetAlarm, Op::kSetAlarm, Op::kSetAlarm, Op::kGetAlarm, Op::kDeleteAlarm};
  static constexpr Op kSql[] = {Op::kSqlPut,  Op::kSqlPut,  Op::kSqlPair,    Op::kSqlMany,  Op::kSqlDelete,
                                Op::kSqlRead, Op::kSqlRead, Op::kSqlRead,    Op::kSqlMixed, Op::kSqlMixed,
                                Op::kSqlSync, Op::kSqlSync, Op::kSqlRefused, Op::kSqlLong};
  if (kinds.sql && random.Below(2) == 0) {
    if (kinds.aborts && random.Below(30) == 0) return Op::kSqlViolate;
    return kSql[random.Below(std::size(kSql))];
  }
  if (random.Below(8) == 0) return kAlarms[random.Below(std::size(kAlarms))];
  if (random.Below(5) == 0) return kSockets[random.Below(std::size(kSockets))];
  if (inside || random.Below(3) > 0) return kAnywhere[random.Below(std::size(kAnywhere))];
  Op op = kOutside[random.Below(std::size(kOutside))];
  if (kinds.aborts && random.Below(60) == 0) return Op::kHang;
  return op == Op::kCall && !kinds.calls ? Op::kFetch : op;
}

}  // namespace

Script MakeScript(Random& random, ScriptKinds kinds) {
  Script script;
  std::vector<Op> open;
  if (kinds.accepts && random.Below(2) == 0) script.push_back({Op::kAccept, static_cast<uint32_t>(random.Next())});
  for (uint64_t left = 1 + random.Below(kinds.steps_max); left > 0; --left) {
    uint32_t number = static_cast<uint32_t>(random.Next());
    if (open.size() < 3 && random.Below(8) == 0) {
      open.push_back(random.Below(3) == 0 ? Op::kLeave : random.Below(2) == 0 ? Op::kCommit : Op::kRollback);
      script.push_back({open.back() == Op::kLeave ? Op::kEnter : Op::kBegin, number});
    } else if (!open.empty() && random.Below(3) == 0) {
      script.push_back({open.back(), number});
      open.pop_back();
    } else {
      script.push_back({Pick(random, !open.empty(), kinds), number});
    }
  }
  for (; !open.empty(); open.pop_back()) script.push_back({open.back(), 0});
  uint64_t last = random.Below(12);
  if (last == 0 && kinds.replies) script.push_back({Op::kStream, 0});
  if (last == 1) script.push_back({Op::kThrow, 0});
  if (last == 2 && kinds.aborts) script.push_back({Op::kAbort, 0});
  return script;
}

}  // namespace limpet::sim
