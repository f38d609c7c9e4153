// Deliberately broken variants for tests/sim: compiled in only there (LIMPET_MUTANTS), elsewhere a constant false.
#pragma once

#ifdef LIMPET_MUTANTS
namespace limpet::object {

// One run of the simulator switches on at most one.
struct Mutations {
  bool gate_open_during_read = false;      // A pending read does not hold the input gate.
  bool gate_open_during_critical = false;  // A critical section lets other events in.
  bool two_waiters_at_once = false;        // The gate lets the next waiter in while one runs.
  bool reply_before_durable = false;       // Response heads do not wait.
  bool error_before_durable = false;       // Error replies do not wait.
  bool chunk_before_durable = false;       // Body chunks do not wait.
  bool output_gate_open = false;           // WhenDurable does not wait.
  bool output_order_lost = false;          // A later output may pass an earlier one.
  bool burst_split = false;                // A burst goes out as two commits.
  bool delete_all_split = false;           // deleteAll goes out apart from the writes of its burst.
  bool transaction_leaks = false;          // Writes of an open transaction are committed with the burst around it.
  bool rollback_keeps_cache = false;       // A rollback forgets to restore the write cache.
  bool evict_while_pending = false;        // Eviction does not wait for pending writes.
  bool failed_write_ignored = false;       // A failed commit does not reset the object.
  bool two_instances_rolling = false;      // The next instance starts before the old one has ended.
  bool stale_claim_answers = false;        // The output gate does not look at the claim's end.
  bool read_sees_later_write = false;      // A commit overtakes a read that was issued before its writes.
  bool abort_keeps_writes = false;         // Abort commits the burst that it should drop.
  bool acknowledge_early = false;          // Writes count as durable when they are sent.
};

inline Mutations& ActiveMutations() {
  static Mutations mutations;
  return mutations;
}

}  // namespace limpet::object
#define LIMPET_MUTANT(name) (::limpet::object::ActiveMutations().name)
#else
#define LIMPET_MUTANT(name) false
#endif
