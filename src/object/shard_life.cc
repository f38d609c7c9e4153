// The life of instances: start, eviction, reset, rolling, drain.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "object/mutations.h"
#include "object/shard_impl.h"

namespace limpet::object {

void ShardImpl::CheckLater(Slot& slot) {
  if (std::exchange(slot.check_pending, true)) return;
  deferred_.Later([this, id = slot.id] { Check(id); });
}

void ShardImpl::Check(const ObjectId& id) {
  Slot* slot = Find(id);
  if (slot == nullptr) return;
  slot->check_pending = false;
  if (slot->instance != nullptr) {
#ifdef LIMPET_MUTANTS
    if (LIMPET_MUTANT(next_before_settled) && !slot->instance->gone()) {
      zombies_.push_back(std::move(slot->instance));
      --live_;
      return CheckLater(*slot);
    }
#endif
    if (!slot->instance->gone()) return;
    bool reset = !slot->instance->evicted && !slot->instance->ended_for_new_code;
    if (LIMPET_MUTANT(sockets_die_with_instance)) reset = true;
    if (LIMPET_MUTANT(sockets_survive_reset)) reset = false;
    // What the peers of a reset object know of it may not hold any more: they are to come back. (It may fail while it
    // makes room for newer code, too.)
    if (reset) DropSockets(*slot);
    slot->instance.reset();
    count_live_.Add(-1);
    --live_;
  }
  if (slot->busy) return;  // An alarm that failed meanwhile will be found to be gone.
  if (slot->failed_alarm) return CountFailedAlarm(*slot);
  Namespace& ns = namespaces_[id.ns.value];
  if (!slot->upkeep.empty()) {
    if (ns.code != nullptr) return StartUpkeep(*slot);
    FailUpkeep(*slot, Error(ErrorCode::kNotFound, "The Durable Object class does not exist."));
  }
  bool drop = draining_ && !LIMPET_MUTANT(sockets_survive_drain);
  drop = drop || (ns.code == nullptr && !LIMPET_MUTANT(sockets_survive_class));
  if (drop) DropSockets(*slot);
  if (slot->inbox.empty()) {
    if (!slot->has_sockets() && !KeepSettings(*slot)) EraseSlot(*slot);
    return;
  }
  if (ns.code == nullptr) {
    if (LIMPET_MUTANT(remove_keeps_waiting)) slot->inbox.clear();
    FailInbox(*slot,
              ns.removed ? *ns.removed : Error(ErrorCode::kNotFound, "The Durable Object class does not exist."));
    return EraseSlot(*slot);
  }
  if (!RestoreFirst(*slot)) StartInstance(*slot, ns.code);
}

void ShardImpl::DropSockets(Slot& slot) {
  if (slot.sockets == nullptr) return;
  slot.sockets.reset();
  if (LIMPET_MUTANT(dropped_socket_talks_on)) return;
  std::erase_if(slot.inbox, [&slot](const EventRef& event) {
    if (!event->socket) return false;
    --slot.events;
    --slot.socket_events;
    return true;
  });
}

// What a script set for sockets that are yet to come outlives the instance for a while, as on workerd.
bool ShardImpl::KeepSettings(Slot& slot) {
  if (slot.sockets == nullptr || (!slot.sockets->auto_response() && !slot.sockets->event_timeout_ms)) return false;
  if (slot.kept.linked()) return true;
  if (LIMPET_MUTANT(auto_response_forgotten)) return false;
  if (kept_slots_ >= kKeptSettingsMax) return false;
  ++kept_slots_;
  kept_.Set(slot.kept, loop_.Now() + options_.settings_kept);
  return true;
}

void ShardImpl::Forget(Slot& slot) {
  --kept_slots_;
  bool wanted = slot.has_sockets() || slot.failed_alarm || slot.busy || !slot.upkeep.empty();
  if (slot.instance == nullptr && slot.inbox.empty() && !wanted) EraseSlot(slot);
}

void ShardImpl::StartInstance(Slot& slot, const std::shared_ptr<ClassCode>& code) {
  if (slot.kept.linked()) {
    slot.kept.Unlink();
    --kept_slots_;
  }
  std::shared_ptr<ClassCode> own = code->For(slot.id);
  slot.instance = std::make_unique<LiveInstance>(static_cast<InstanceHost&>(*this), slot.id, slot.inbox.front()->name,
                                                 next_incarnation_++, own != nullptr ? std::move(own) : code);
  ++live_;
  count_live_.Add();
  count_started_.Add();
  slot.instance->last_event = loop_.Now();
  slot.instance->ending = draining_;
  slot.instance->Start();
}

void ShardImpl::EraseSlot(Slot& slot) {
  LIMPET_CHECK(slot.instance == nullptr && slot.inbox.empty());
  if (slot.kept.linked()) --kept_slots_;
  uint64_t ns = slot.id.ns.value;
  slots_.erase(slots_.find(ObjectId(slot.id)));
  auto found = namespaces_.find(ns);
  LIMPET_CHECK(found != namespaces_.end() && found->second.slots > 0);
  if (--found->second.slots == 0) {
    for (UniqueFunction<void()>& then : std::exchange(found->second.when_empty, {})) deferred_.Later(std::move(then));
  }
  CheckDrained();
}

void ShardImpl::Started(LiveInstance& instance, Result<Done> result) {
  Slot* slot = Find(instance.id());
  LIMPET_CHECK(slot != nullptr && slot->instance.get() == &instance);
  if (!result.has_value()) return FailInbox(*slot, result.error());
  // What it was started for may have waited too long meanwhile.
  if (instance.rolling || slot->inbox.empty()) return ActivityChanged(instance);
  for (EventRef& event : std::exchange(slot->inbox, {})) instance.Accept(std::move(event));
}

void ShardImpl::Ended(LiveInstance& instance) {
  count_resets_.Add();
  deferred_.Later([this, id = instance.id(), incarnation = instance.incarnation()] {
    Slot* slot = Find(id);
    if (slot == nullptr || slot->instance == nullptr || slot->instance->incarnation() != incarnation) return;
    slot->instance->TearDown();
    if (LIMPET_MUTANT(drain_forgets_writes)) CheckDrained();
  });
}

void ShardImpl::Settled(LiveInstance& instance) {
  if (!instance.gone() && !LIMPET_MUTANT(next_before_settled)) return;
  if (Slot* slot = Find(instance.id())) CheckLater(*slot);
}

// --- Idle instances

void ShardImpl::ActivityChanged(LiveInstance& instance) {
  if (instance.broken() || instance.shutting_down()) return;
  Slot* slot = Find(instance.id());
  LIMPET_CHECK(slot != nullptr);
  bool held = instance.held();
  bool ends = instance.rolling || draining_;
  if (ends && instance.started() && instance.evictable() && (instance.rolling || slot->events == 0)) {
    auto reason = instance.rolling ? ShutdownReason::kCodeUpdated : ShutdownReason::kInactive;
    instance.rolling = true;  // What comes now waits for the next instance.
    return instance.EndForNewCode(CodeUpdatedError(), reason);
  }
  if (!instance.idle() || held || slot->events > 0) return instance.idle_deadline.Unlink();
  SetIdleDeadline(instance);
}

void ShardImpl::SetIdleDeadline(LiveInstance& instance) {
  Instant now = loop_.Now();
  Instant due = now + options_.idle_evict;
  if (instance.pinned()) due = std::max(now, instance.last_event + options_.idle_evict_pinned);
  idle_.Set(instance.idle_deadline, due);
}

void ShardImpl::TryEvict(LiveInstance& instance) {
  Slot* slot = Find(instance.id());
  LIMPET_CHECK(slot != nullptr);
  if (slot->events > 0 || !instance.idle() || instance.held()) return;
  bool may = instance.evictable() || LIMPET_MUTANT(evict_while_pending);
  if (!may) return idle_.Set(instance.idle_deadline, loop_.Now() + std::chrono::seconds(1));
  count_evicted_.Add();
  instance.evicted = true;
  // Nobody waits for anything of it, so nobody sees this error; a late call into its storage does.
  instance.ShutDown(
      Error(ErrorCode::kUnavailable, "Durable Object storage is no longer accessible.").With(Error::kRetryable),
      ShutdownReason::kInactive);
}

void ShardImpl::LimitShutdown(LiveInstance& instance) {
  Duration limit = instance.last_writes() ? options_.flush_max : options_.pre_shutdown_max;
  shutdowns_.Set(instance.shutdown_deadline, loop_.Now() + limit);
}

void ShardImpl::ShutdownDue(LiveInstance& instance) {
  if (!instance.last_writes()) {
    logger_.Write(LogLevel::kWarn, "object",
                  "preShutdown() took too long; the object is ended without it; id = " +
                      ToHex(BytesView(reinterpret_cast<const char*>(instance.id().base.data()), 8)));
  }
  instance.ShutdownTimedOut();
}

// --- Code changes

// Whatever runs in it ends.
void ShardImpl::MakeRoom(LiveInstance& instance) {
  if (instance.broken()) return;
  instance.rolling = instance.ending = true;  // What waits goes to the next instance.
  instance.EndForNewCode(CodeUpdatedError(), ShutdownReason::kCodeUpdated);
}

void ShardImpl::Roll(LiveInstance& instance, Instant latest) {
  if (instance.broken() || instance.rolling) return;
#ifdef LIMPET_MUTANTS
  if (LIMPET_MUTANT(two_instances_rolling)) {
    Slot* slot = Find(instance.id());
    zombies_.push_back(std::move(slot->instance));
    --live_;
    return;
  }
#endif
  instance.rolling = instance.ending = true;
  instance.idle_deadline.Unlink();
  Duration grace = LIMPET_MUTANT(roll_without_grace) ? Duration::zero() : options_.roll_grace;
  if (!LIMPET_MUTANT(roll_without_limit)) rolling_.Set(instance.roll_deadline, std::min(loop_.Now() + grace, latest));
  ActivityChanged(instance);
}

bool ShardImpl::IsCurrent(const LiveInstance& instance, const std::shared_ptr<ClassCode>& current) {
  std::shared_ptr<ClassCode> own = current->For(instance.id());
  return instance.made_by() == (own != nullptr ? own : current);
}

// One timer a namespace: the first delay that is over ends all that still run older code.
void ShardImpl::DeferUpdate(NamespaceId ns, Namespace& space, Duration delay) {
  Instant due = loop_.Now() + delay;
  if (space.update_timer != 0 && space.update_due <= due) return;
  loop_.Cancel(space.update_timer);
  space.update_due = due;
  space.update_timer = loop_.After(delay, [this, ns] { UpdateDue(ns); });
}

void ShardImpl::UpdateDue(NamespaceId ns) {
  Namespace& space = namespaces_[ns.value];
  space.update_timer = 0;
  if (LIMPET_MUTANT(update_forgotten)) return;
  std::shared_ptr<ClassCode> current = space.code;
  for (auto& [id, slot] : slots_) {
    if (id.ns == ns && slot->instance != nullptr && !IsCurrent(*slot->instance, current)) MakeRoom(*slot->instance);
  }
}

void ShardImpl::SetClass(NamespaceId ns, std::shared_ptr<ClassCode> code, CodeUpdate update) {
  Namespace& space = namespaces_[ns.value];
  if (LIMPET_MUTANT(roll_starts_old_code) && space.code != nullptr && space.slots > 0) return;
  // What an earlier update promised to have ended by then.
  Instant promised = space.update_timer != 0 ? space.update_due : Instant::max();
  std::shared_ptr<ClassCode> before = std::exchange(space.code, std::move(code));
  space.removed.reset();
  std::shared_ptr<ClassCode> current = space.code;
  bool deferred = update.mode == CodeUpdate::Mode::kDeferred && update.max_delay > Duration::zero();
  bool old = false;
  for (auto& [id, slot] : slots_) {
    if (id.ns != ns || slot->instance == nullptr || IsCurrent(*slot->instance, current)) continue;
    old = true;
    if (deferred) continue;
    if (update.mode != CodeUpdate::Mode::kSoon) {
      MakeRoom(*slot->instance);
    } else {
      bool is_promised = before != nullptr && !IsCurrent(*slot->instance, before);
      Roll(*slot->instance, is_promised ? promised : Instant::max());
    }
  }
  if (deferred && old) return DeferUpdate(ns, space, update.max_delay);
  loop_.Cancel(std::exchange(space.update_timer, 0));
}

void ShardImpl::EndAll(const ClassCode* code) {
  for (auto& [id, slot] : slots_) {
    if (slot->instance != nullptr && slot->instance->made_by().get() == code) MakeRoom(*slot->instance);
  }
}

void ShardImpl::RemoveClass(NamespaceId ns, Error reason, UniqueFunction<void()> then) {
  Namespace& space = namespaces_[ns.value];
  space.code = nullptr;
  loop_.Cancel(std::exchange(space.update_timer, 0));
  space.removed = Error(ErrorCode::kNotFound, reason.message());
  for (auto& [id, slot] : slots_) {
    if (id.ns != ns) continue;
    if (slot->instance != nullptr && !LIMPET_MUTANT(remove_keeps_running)) slot->instance->Break(reason);
    CheckLater(*slot);
  }
  if (space.slots == 0 || LIMPET_MUTANT(remove_before_settled)) return deferred_.Later(std::move(then));
  space.when_empty.push_back(std::move(then));
}

void ShardImpl::BreakAll(const ClassCode* code, Error error) {
  for (auto& [id, slot] : slots_) {
    if (slot->instance == nullptr || slot->instance->made_by().get() != code) continue;
    if (LIMPET_MUTANT(break_spares_running) && !slot->instance->idle()) continue;
    slot->instance->Break(error);
  }
}

void ShardImpl::Drain(UniqueFunction<void()> then) {
  draining_ = true;
  drained_ = std::move(then);
  for (auto& [id, slot] : slots_) {
    if (slot->replacement != nullptr) slot->replacement->Stop();
    if (slot->instance == nullptr) {
      CheckLater(*slot);  // It may be here for its sockets alone.
      continue;
    }
    slot->instance->ending = true;
    ActivityChanged(*slot->instance);
    if (LIMPET_MUTANT(drain_drops_running)) slot->instance->Break(Error(ErrorCode::kCanceled, "dropped"));
  }
  CheckDrained();
}

void ShardImpl::CheckDrained() {
  bool drained = slots_.empty() || LIMPET_MUTANT(drain_forgets_instances);
#ifdef LIMPET_MUTANTS
  if (LIMPET_MUTANT(drain_forgets_writes)) {
    drained = std::ranges::all_of(slots_, [](auto& slot) {
      return slot.second->inbox.empty() && (slot.second->instance == nullptr || slot.second->instance->broken());
    });
  }
#endif
  if (draining_ && drained && drained_) deferred_.Later(std::exchange(drained_, {}));
}

}  // namespace limpet::object
