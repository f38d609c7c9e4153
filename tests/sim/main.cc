// limpet_sim --seeds N --first S: runs N seeds.   --seed S: replays one.   --mutants: every broken variant must be
// caught by some seed.   --mutant NAME --seed S: replays that.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "object/mutations.h"
#include "sim/quotas.h"
#include "sim/simulation.h"
#include "sim/time_machine.h"

namespace limpet::sim {
namespace {

constexpr uint64_t kMutantSeedsMax = 20'000;

struct Mutant {
  const char* name;
  void (*enable)(object::Mutations& object, OutletMutations& outlets);
};
#define IN_OBJECT(field) {#field, [](object::Mutations& object, OutletMutations&) { object.field = true; }}
#define AT_OUTLET(field) \
  {#field "_not_gated", [](object::Mutations&, OutletMutations& outlets) { outlets.field = true; }}
#define IN_STORE(how) \
  {"miscount_" #how,  \
   [](object::Mutations& object, OutletMutations&) { object.miscount = static_cast<int>(store::Miscount::how); }}
constexpr Mutant kMutants[] = {
    IN_OBJECT(gate_open_during_read),
    IN_OBJECT(gate_open_during_critical),
    IN_OBJECT(two_waiters_at_once),
    IN_OBJECT(reply_before_durable),
    IN_OBJECT(error_before_durable),
    IN_OBJECT(chunk_before_durable),
    IN_OBJECT(output_gate_open),
    IN_OBJECT(output_order_lost),
    IN_OBJECT(burst_split),
    IN_OBJECT(delete_all_split),
    IN_OBJECT(transaction_leaks),
    IN_OBJECT(rollback_keeps_cache),
    IN_OBJECT(evict_while_pending),
    IN_OBJECT(failed_write_ignored),
    IN_OBJECT(two_instances_rolling),
    IN_OBJECT(stale_claim_answers),
    IN_OBJECT(read_sees_later_write),
    IN_OBJECT(abort_keeps_writes),
    IN_OBJECT(acknowledge_early),
    IN_OBJECT(next_before_settled),
    IN_OBJECT(old_write_lands_late),
    IN_OBJECT(roll_starts_old_code),
    IN_OBJECT(roll_without_grace),
    IN_OBJECT(roll_without_limit),
    IN_OBJECT(roll_misses_idle),
    IN_OBJECT(roll_loses_order),
    IN_OBJECT(roll_loses_event),
    IN_OBJECT(last_writes_lost),
    IN_OBJECT(shutdown_takes_events),
    IN_OBJECT(update_forgotten),
    IN_OBJECT(end_forgets_events),
    IN_OBJECT(answered_twice),
    IN_OBJECT(drain_drops_running),
    IN_OBJECT(drain_takes_events),
    IN_OBJECT(drain_forgets_instances),
    IN_OBJECT(drain_forgets_writes),
    IN_OBJECT(remove_keeps_waiting),
    IN_OBJECT(remove_keeps_running),
    IN_OBJECT(remove_before_settled),
    IN_OBJECT(break_spares_running),
    IN_OBJECT(alarm_too_early),
    IN_OBJECT(alarm_shown_while_it_runs),
    IN_OBJECT(alarm_failure_not_counted),
    IN_OBJECT(alarm_deleted_too_early),
    IN_OBJECT(alarm_lost_by_failure),
    IN_OBJECT(alarm_change_untold),
    IN_OBJECT(alarm_failed_write_untold),
    IN_OBJECT(alarm_page_beats_change),
    IN_OBJECT(alarm_told_before_durable),
    IN_OBJECT(alarm_retry_forgotten),
    IN_OBJECT(sql_pages_apart),
    IN_OBJECT(sql_write_unannounced),
    IN_OBJECT(sql_burst_forgotten),
    IN_OBJECT(sql_burst_in_transaction),
    IN_OBJECT(sql_rollback_keeps_rows),
    IN_OBJECT(sql_rollback_takes_burst),
    IN_OBJECT(sql_failure_ignored),
    IN_OBJECT(sql_pending_page_unseen),
    IN_OBJECT(sql_page_swept_early),
    IN_OBJECT(sql_cleared_page_seen),
    IN_OBJECT(sql_survives_delete_all),
    IN_OBJECT(sql_clear_taken_back),
    IN_OBJECT(sql_damage_is_empty),
    IN_OBJECT(sql_hollow_never_settles),
    IN_OBJECT(delete_spares_pages),
    IN_OBJECT(delete_spares_instance),
    IN_OBJECT(delete_before_settled),
    IN_OBJECT(delete_while_draining),
    IN_OBJECT(waits_for_ever),
    IN_OBJECT(refused_event_runs),
    IN_OBJECT(places_by_caller),
    IN_OBJECT(calls_out_of_order),
    IN_OBJECT(call_answer_lost),
    IN_OBJECT(sockets_die_with_instance),
    IN_OBJECT(sockets_survive_reset),
    IN_OBJECT(sockets_survive_drain),
    IN_OBJECT(sockets_survive_class),
    IN_OBJECT(dropped_socket_talks_on),
    IN_OBJECT(socket_event_overtakes),
    IN_OBJECT(socket_event_lost),
    IN_OBJECT(socket_closes_twice),
    IN_OBJECT(socket_close_unanswered),
    IN_OBJECT(socket_stays_paused),
    IN_OBJECT(socket_tags_shared),
    IN_OBJECT(attachment_is_first),
    IN_OBJECT(auto_response_wakes),
    IN_OBJECT(auto_response_forgotten),
    IN_OBJECT(event_timeout_ignored),
    IN_OBJECT(bookmark_before_durable),
    IN_OBJECT(old_bookmark_taken),
    IN_OBJECT(restore_told_before_durable),
    IN_OBJECT(restore_skipped),
    IN_OBJECT(restore_comes_again),
    IN_OBJECT(restore_not_undone),
    IN_OBJECT(restore_forgets_its_begin),
    IN_OBJECT(restore_misses_a_slot),
    IN_OBJECT(restore_keeps_new_keys),
    IN_OBJECT(nothing_settled),
    IN_OBJECT(replacement_not_recorded),
    IN_OBJECT(replacement_comes_undone),
    IN_OBJECT(restore_forgets_pages),
    IN_OBJECT(restore_forgets_alarm),
    IN_OBJECT(restore_beside_instance),
    IN_OBJECT(restore_over_quota),
    IN_OBJECT(quota_ignored),
    IN_OBJECT(quota_forgets_pending),
    IN_OBJECT(quota_forgets_pairs),
    IN_OBJECT(quota_read_once),
    IN_STORE(kDeletes),
    IN_STORE(kClears),
    IN_STORE(kReplaced),
    IN_STORE(kRecovery),
    IN_STORE(kDrops),
    IN_STORE(kNamespaces),
    AT_OUTLET(subrequest),
    AT_OUTLET(call_same_shard),
    AT_OUTLET(call_other_shard),
    AT_OUTLET(timer_fetch),
    AT_OUTLET(wait_until),
    AT_OUTLET(log),
    AT_OUTLET(socket_message),
    AT_OUTLET(socket_close),
};

// What did not hold, or nothing.
std::string RunSeed(uint64_t seed, const OutletMutations& outlets,
                    void (*at_once)(uint64_t, const std::string&) = nullptr) {
  std::string first;
  auto violated = [&](const std::string& what) {
    if (first.empty()) first = what;
    if (at_once != nullptr) at_once(seed, what);
  };
  {
    Simulation simulation(seed, outlets, violated);
    simulation.Run();
  }
  TimeMachine machine(seed, violated);
  machine.Run();
  Quotas quotas(seed, violated);
  quotas.Run();
  return first;
}

// In a process of its own: a broken variant may well crash, which counts as caught.
bool Caught(const Mutant& mutant, uint64_t* seed) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    OutletMutations outlets;
    mutant.enable(object::ActiveMutations(), outlets);
    for (*seed = 1; *seed <= kMutantSeedsMax; ++*seed) {
      RunSeed(*seed, outlets, [](uint64_t seed, const std::string& what) {
        printf("  seed %llu: %s\n", static_cast<unsigned long long>(seed), what.c_str());
        fflush(stdout);
        _exit(0);
      });
    }
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("  seed %llu: crashed\n", static_cast<unsigned long long>(*seed));
  return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

int RunMutants() {
  auto* seed = static_cast<uint64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int survivors = 0;
  for (const Mutant& mutant : kMutants) {
    printf("%s\n", mutant.name);
    if (Caught(mutant, seed)) continue;
    printf("  SURVIVED %llu seeds\n", static_cast<unsigned long long>(kMutantSeedsMax));
    ++survivors;
  }
  printf("%zu mutants, %d survived\n", std::size(kMutants), survivors);
  return survivors == 0 ? 0 : 1;
}

int RunSeeds(uint64_t first, uint64_t count, const OutletMutations& outlets) {
  uint64_t failed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::string violation = RunSeed(seed, outlets);
    if (violation.empty()) continue;
    ++failed;
    printf("seed %llu: %s   (replay: limpet_sim --seed %llu)\n", static_cast<unsigned long long>(seed),
           violation.c_str(), static_cast<unsigned long long>(seed));
  }
  printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(count - failed),
         static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace limpet::sim

int main(int argc, char** argv) {
  using namespace limpet::sim;
  uint64_t first = 1, count = 1000;
  OutletMutations outlets;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (flag == "--mutants") return RunMutants();
    if (i + 1 == argc)
      return fprintf(stderr, "usage: limpet_sim [--seeds N] [--first S] [--seed S] [--mutants] [--mutant NAME]\n"), 2;
    std::string value = argv[++i];
    if (flag == "--seeds") count = std::strtoull(value.c_str(), nullptr, 10);
    if (flag == "--first") first = std::strtoull(value.c_str(), nullptr, 10);
    if (flag == "--seed") first = std::strtoull(value.c_str(), nullptr, 10), count = 1;
    for (const Mutant& mutant : kMutants) {
      if (flag == "--mutant" && value == mutant.name) mutant.enable(limpet::object::ActiveMutations(), outlets);
    }
  }
  return RunSeeds(first, count, outlets);
}
