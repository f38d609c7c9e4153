// Deliberately broken variants for tests/sim: compiled in only there (LIMPET_MUTANTS), elsewhere a constant false.
#pragma once

#ifdef LIMPET_MUTANTS
#include <cstddef>

namespace limpet::object {

// One run of the simulator switches on at most one.
struct Mutations {
  bool gate_open_during_read = false;        // A pending read does not hold the input gate.
  bool gate_open_during_critical = false;    // A critical section lets other events in.
  bool two_waiters_at_once = false;          // The gate lets the next waiter in while one runs.
  bool reply_before_durable = false;         // Response heads do not wait.
  bool error_before_durable = false;         // Error replies do not wait.
  bool chunk_before_durable = false;         // Body chunks do not wait.
  bool output_gate_open = false;             // WhenDurable does not wait.
  bool output_order_lost = false;            // A later output may pass an earlier one.
  bool burst_split = false;                  // A burst goes out as two commits.
  bool delete_all_split = false;             // deleteAll goes out apart from the writes of its burst.
  bool transaction_leaks = false;            // Writes of an open transaction are committed with the burst around it.
  bool rollback_keeps_cache = false;         // A rollback forgets to restore the write cache.
  bool evict_while_pending = false;          // Eviction does not wait for pending writes.
  bool failed_write_ignored = false;         // A failed commit does not reset the object.
  bool two_instances_rolling = false;        // The next instance starts before the old one has ended.
  bool stale_claim_answers = false;          // The output gate does not look at the claim's end.
  bool read_sees_later_write = false;        // A commit overtakes a read that was issued before its writes.
  bool abort_keeps_writes = false;           // Abort commits the burst that it should drop.
  bool acknowledge_early = false;            // Writes count as durable when they are sent.
  bool next_before_settled = false;          // The next instance starts while writes of the old one are on their way.
  bool old_write_lands_late = false;         // What an ended instance had not sent yet is sent after all, later.
  bool roll_starts_old_code = false;         // The code of a first deploy is started though a second one came.
  bool roll_without_grace = false;           // Running events are ended at once by a deploy.
  bool roll_without_limit = false;           // ... or never.
  bool roll_misses_idle = false;             // A rolling instance whose last lock goes after its reply stays.
  bool roll_loses_order = false;             // Events that go back to the inbox go behind those that came later.
  bool roll_loses_event = false;             // ... or are forgotten.
  bool last_writes_lost = false;             // A planned end does not wait for what preShutdown wrote.
  bool shutdown_takes_events = false;        // Events come in after preShutdown.
  bool update_forgotten = false;             // A deferred update that was not in time is never made.
  bool end_forgets_events = false;           // Events that run in an instance that ends get no reply.
  bool answered_twice = false;               // ... or one more.
  bool drain_drops_running = false;          // A drain ends running events.
  bool drain_takes_events = false;           // A drain does not refuse new events.
  bool drain_forgets_instances = false;      // A shard counts as drained at once.
  bool drain_forgets_writes = false;         // ... or when its last instance has ended, with writes on their way.
  bool remove_keeps_waiting = false;         // Events that wait for a class that is deleted get no reply.
  bool remove_keeps_running = false;         // Instances of a deleted class live on.
  bool remove_before_settled = false;        // A class counts as gone while its writes are on their way.
  bool break_spares_running = false;         // BreakAll does not reach instances that run an event.
  bool sockets_die_with_instance = false;    // Eviction drops the object's sockets.
  bool sockets_survive_reset = false;        // A reset keeps them.
  bool sockets_survive_drain = false;        // ... or a drain.
  bool sockets_survive_class = false;        // ... or the end of their class.
  bool dropped_socket_talks_on = false;      // What waits of a socket that was dropped is delivered.
  bool socket_event_overtakes = false;       // A socket's event goes before those that wait.
  bool socket_event_lost = false;            // One that comes while the instance is rolling is forgotten.
  bool socket_closes_twice = false;          // A Close is two events.
  bool socket_close_unanswered = false;      // A Close that the handler does not answer has no answer.
  bool socket_stays_paused = false;          // A socket that was behind is not read on.
  bool socket_tags_shared = false;           // A socket has the tags of the one before.
  bool attachment_is_first = false;          // An attachment can't be replaced.
  bool auto_response_wakes = false;          // A ping that was answered is an event too.
  bool auto_response_forgotten = false;      // It goes with the instance if there is no socket.
  bool event_timeout_ignored = false;        // The handler of a socket's event may run for ever.
  bool alarm_too_early = false;              // An alarm runs though it is not due.
  bool alarm_shown_while_it_runs = false;    // getAlarm() in the handler answers what runs.
  bool alarm_failure_not_counted = false;    // A try that ended with its instance does not count.
  bool alarm_deleted_too_early = false;      // An alarm is gone when its handler begins.
  bool alarm_lost_by_failure = false;        // A failed try is the last.
  bool alarm_change_untold = false;          // The clock does not hear of an alarm that is set.
  bool alarm_failed_write_untold = false;    // ... or that one may have been set by a write that failed.
  bool alarm_page_beats_change = false;      // What the clock reads hides what it heard while it read.
  bool alarm_told_before_durable = false;    // The clock is told of a write that may be taken back.
  bool alarm_retry_forgotten = false;        // The clock forgets an alarm that something of ours was in the way of.
  size_t sql_cache_bytes = 0;                // Nothing broken: SQLite keeps that much of clean pages, if not 0.
  bool sql_pages_apart = false;              // Pages go out as a commit of their own.
  bool sql_write_unannounced = false;        // The output gate hears of an SQL write at the end of the turn.
  bool sql_burst_forgotten = false;          // The end of a turn does not end SQL's transaction.
  bool sql_burst_in_transaction = false;     // A transaction does not end the SQL of the burst before it.
  bool sql_rollback_keeps_rows = false;      // A rollback is a commit to SQL.
  bool sql_rollback_takes_burst = false;     // That of a synchronous transaction undoes what was before it.
  bool sql_failure_ignored = false;          // What SQL can't commit does not reset the object.
  bool sql_pending_page_unseen = false;      // Pages are read from the store though newer ones are on their way.
  bool sql_page_swept_early = false;         // ... or are forgotten when an older one is durable.
  bool sql_cleared_page_seen = false;        // Pages are seen though deleteAll is on its way to them.
  bool sql_survives_delete_all = false;      // deleteAll spares the database.
  bool sql_clear_taken_back = false;         // A second deleteAll in a burst forgets the database again.
  bool sql_damage_is_empty = false;          // A page that the disk can't read counts as one that never was.
  bool sql_hollow_never_settles = false;     // Nothing ends the wait for a write that nothing came of.
  bool delete_spares_pages = false;          // Deleting an object leaves its database.
  bool delete_spares_instance = false;       // ... or its instance.
  bool delete_before_settled = false;        // ... or does not wait for what the instance has on its way.
  bool delete_while_draining = false;        // A shard that drains still deletes.
  bool bookmark_before_durable = false;      // A bookmark does not wait for the writes before it.
  bool old_bookmark_taken = false;           // A state that is too old to be kept can be asked for.
  bool restore_told_before_durable = false;  // The wish for a restore is answered before it is on disk.
  bool restore_skipped = false;              // An instance starts without the restore that it was to begin with.
  bool restore_comes_again = false;          // A restore that was done stays recorded.
  bool restore_not_undone = false;           // Its undo bookmark leads nowhere.
  bool restore_forgets_its_begin = false;    // One that goes on after a crash takes itself for what was there.
  bool restore_misses_a_slot = false;        // What changed right after the bookmark stays changed.
  bool restore_keeps_new_keys = false;       // What was not there then stays.
  bool replacement_not_recorded = false;     // A crash in the middle of a replacement leaves the half of it.
  bool replacement_comes_undone = false;     // One that is complete is undone at the next start.
  bool nothing_settled = false;              // What a crash has left half done stays so until somebody comes.
  bool restore_forgets_pages = false;        // Pages stay as they are.
  bool restore_forgets_alarm = false;        // ... or the alarm.
  bool restore_beside_instance = false;      // It does not wait for the end of the instance.
  int miscount = 0;                          // Of the store: a store::Miscount.
  bool restore_over_quota = false;           // Nobody asks how much there would be.
  bool quota_ignored = false;                // A put that does not fit is let through.
  bool quota_forgets_pending = false;        // ... if what it does not fit beside is on its way.
  bool quota_forgets_pairs = false;          // ... rows, beside pairs that were put since the database was opened.
  bool quota_read_once = false;              // What was deleted since the first put still counts.
  bool waits_for_ever = false;               // An event that has waited too long is not refused.
  bool refused_event_runs = false;           // ... or is served all the same.
  bool places_by_caller = false;             // Two shards think that they own an object.
  bool calls_out_of_order = false;           // Calls to another shard overtake each other.
  bool call_answer_lost = false;             // An answer from another shard does not find its way home.
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
