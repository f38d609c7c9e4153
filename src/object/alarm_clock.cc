#include "object/alarm_clock.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "object/alarm_record.h"
#include "object/mutations.h"

namespace limpet::object {
namespace {

using std::chrono::milliseconds;

constexpr Duration kReadPause = milliseconds(200);  // After a page that could not be read.
// The wall clock may be set, and nobody tells: the timer looks at it again after this.
constexpr uint64_t kTimerMsMax = 30'000;

}  // namespace

AlarmClock::AlarmClock(loop::Loop& loop, std::unique_ptr<store::Session> session, std::vector<Directory::Peer> peers,
                       AlarmClockOptions options, Counters& counters)
    : loop_(loop),
      peers_(std::move(peers)),
      options_(options),
      count_fires_(counters.Make(Counters::Kind::kCounter, "limpet_alarm_fires_total", "Alarms sent to objects.")),
      count_again_(counters.Make(Counters::Kind::kCounter, "limpet_alarm_returns_total",
                                 "Alarms that could not be delivered and are sent again.")),
      gauge_held_(counters.Make(Counters::Kind::kGauge, "limpet_alarms_ahead", "Alarms in memory, those due next.")),
      gauge_on_their_way_(
          counters.Make(Counters::Kind::kGauge, "limpet_alarms_running", "Alarms on their way through an object.")),
      slow_(loop,
            [this](Fire&) {
              --counted_;
              Run();
            }),
      self_(std::make_shared<AlarmClock*>(this)),
      session_(std::move(session)) {
  LIMPET_CHECK(!peers_.empty() && options_.ahead_max >= 2 * options_.page && options_.page > 0);
}

AlarmClock::~AlarmClock() {
  *self_ = nullptr;
  for (loop::TimerId timer : {timer_, pause_timer_, reread_timer_}) loop_.Cancel(timer);
  fires_.clear();
}

OnAlarmChange AlarmClock::Listener() {
  return [&loop = loop_, self = self_](const ObjectId& object, AlarmChange change) {
    if (LIMPET_MUTANT(alarm_change_untold) && change.known && change.at_ms) return;
    if (LIMPET_MUTANT(alarm_failed_write_untold) && !change.known) return;
    loop.Post([self, object, change] {
      if (*self != nullptr) (*self)->Changed(object, change);
    });
  };
}

void AlarmClock::Start() {
  started_ = true;
  ReadOn();
}

uint64_t AlarmClock::NowMs() const { return static_cast<uint64_t>(ToMs(loop_.WallNow())); }

// --- What is held

void AlarmClock::Changed(const ObjectId& object, AlarmChange change) {
  if (reading_) changed_[object] = change;  // The page may be of before or after.
  if (auto fire = fires_.find(object); fire != fires_.end()) {
    fire->second->change = change;
    return;
  }
  Apply(object, change);
  Run();
}

void AlarmClock::Apply(const ObjectId& object, AlarmChange change) {
  if (!change.known) return HoldAgain(object, 1);  // The shard will read what is true.
  Drop(object);
  if (change.at_ms) Hold(object, static_cast<uint64_t>(*change.at_ms));
}

void AlarmClock::Hold(const ObjectId& object, uint64_t time) {
  store::AlarmEntry entry{time, object};
  if (!Covers(entry)) return;
  Drop(object);
  ahead_.insert(entry);
  places_[object] = {time, 0};
  if (ahead_.size() > options_.ahead_max) Trim();
}

void AlarmClock::HoldAgain(const ObjectId& object, uint32_t tries) {
  if (LIMPET_MUTANT(alarm_retry_forgotten)) return;
  Drop(object);
  if (again_.size() >= options_.again_max) return ReadAgain();
  auto pause = std::chrono::duration_cast<milliseconds>(options_.again_first).count();
  uint64_t time = NowMs() + (static_cast<uint64_t>(pause) << std::min(tries - 1, options_.again_doublings));
  again_.insert({time, object});
  places_[object] = {time, tries};
}

void AlarmClock::Drop(const ObjectId& object) {
  auto found = places_.find(object);
  if (found == places_.end()) return;
  (found->second.tries > 0 ? again_ : ahead_).erase({found->second.time, object});
  places_.erase(found);
}

// A good part at once, or each change at the end would cost a reading.
void AlarmClock::Trim() {
  while (ahead_.size() > options_.ahead_max - options_.page / 2) {
    places_.erase(ahead_.rbegin()->object);
    ahead_.erase(std::prev(ahead_.end()));
  }
  complete_ = false;
  covered_ = *ahead_.rbegin();
}

// --- Reading the index

void AlarmClock::ReadOn() {
  bool enough = complete_ || ahead_.size() > options_.ahead_max / 2;
  if (!started_ || reading_ || enough || pause_timer_ != 0) return;
  reading_ = true;
  read_from_ = covered_;
  session_->ScanAlarms(covered_, options_.page, [this](Result<store::AlarmPage> page) { PageRead(std::move(page)); });
}

void AlarmClock::PageRead(Result<store::AlarmPage> page) {
  reading_ = false;
  std::unordered_map<ObjectId, AlarmChange> changed = std::exchange(changed_, {});
  if (!page.has_value()) {
    pause_timer_ = loop_.After(kReadPause, [this] {
      pause_timer_ = 0;
      ReadOn();
    });
    return;
  }
  if (std::exchange(reread_, false)) {
    covered_.reset();  // It was asked for while this page was being read.
    complete_ = false;
    ahead_.clear();
    std::erase_if(places_, [](const auto& place) { return place.second.tries == 0; });
    return ReadOn();
  }
  if (covered_ != read_from_) return ReadOn();  // Some of those before it were let go meanwhile.
  if (!page.value().empty()) covered_ = page.value().back();
  if (page.value().size() < options_.page) complete_ = true;
  for (const store::AlarmEntry& entry : page.value()) {
    bool known = fires_.contains(entry.object) || (places_.contains(entry.object) && places_[entry.object].tries > 0);
    bool newer = changed.contains(entry.object) && !LIMPET_MUTANT(alarm_page_beats_change);
    if (!known && !newer) Hold(entry.object, entry.time);
  }
  // What was heard meanwhile was looked at under the place that was covered then.
  for (const auto& [object, change] : changed) {
    if (fires_.contains(object) || !change.known || LIMPET_MUTANT(alarm_page_beats_change)) continue;
    Apply(object, change);
  }
  Run();
}

void AlarmClock::ReadAgain() {
  if (reread_timer_ != 0) return;
  reread_timer_ = loop_.After(options_.reread_after, [this] {
    reread_timer_ = 0;
    if (reading_) {
      reread_ = true;
      return;
    }
    reread_ = true;
    reading_ = true;
    PageRead(store::AlarmPage());
  });
}

// --- Firing

void AlarmClock::Run() {
  uint64_t now = NowMs();
  while (counted_ < options_.fires_max) {
    Order* next = ahead_.empty() ? &again_ : &ahead_;
    if (!ahead_.empty() && !again_.empty() && *again_.begin() < *ahead_.begin()) next = &again_;
    if (next->empty() || next->begin()->time > now) break;
    Send(*next->begin());
  }
  gauge_held_.Set(static_cast<int64_t>(places_.size()));
  gauge_on_their_way_.Set(static_cast<int64_t>(fires_.size()));
  ReadOn();
  Wake();
}

void AlarmClock::Send(const store::AlarmEntry& entry) {
  const ObjectId object = entry.object;
  auto fire = std::make_unique<Fire>(object);
  fire->tries = places_[object].tries;
  Drop(object);
  ++counted_;
  count_fires_.Add();
  slow_.Set(fire->slow, loop_.Now() + options_.slow_after);
  fires_[object] = std::move(fire);
  const Directory::Peer& peer = peers_[ShardOf(object, static_cast<uint32_t>(peers_.size()))];
  peer.loop->Post([shard = peer.shard, object, &loop = loop_, self = self_] {
    shard->Alarm(object, [object, &loop, self](AlarmOutcome outcome) {
      loop.Post([object, self, outcome] {
        if (*self != nullptr) (*self)->Over(object, outcome);
      });
    });
  });
}

void AlarmClock::Over(const ObjectId& object, AlarmOutcome outcome) {
  auto found = fires_.find(object);
  LIMPET_CHECK(found != fires_.end());
  std::unique_ptr<Fire> fire = std::move(found->second);
  fires_.erase(found);
  if (fire->slow.linked()) --counted_;
  fire->slow.Unlink();
  if (fire->change) {
    Apply(object, *fire->change);
  } else if (outcome.kind == AlarmOutcome::Kind::kNotDue) {
    Hold(object, static_cast<uint64_t>(outcome.due_ms));
  } else if (outcome.kind == AlarmOutcome::Kind::kRetry) {
    count_again_.Add();
    HoldAgain(object, fire->tries + 1);
  }
  Run();
}

void AlarmClock::Wake() {
  uint64_t next = UINT64_MAX;
  if (!ahead_.empty()) next = ahead_.begin()->time;
  if (!again_.empty()) next = std::min(next, again_.begin()->time);
  if (next == UINT64_MAX || counted_ >= options_.fires_max) return;  // The end of one runs the next.
  if (timer_ != 0 && timer_for_ <= next) return;
  loop_.Cancel(timer_);
  uint64_t now = NowMs();
  uint64_t wait = std::min(next > now ? next - now : 0, kTimerMsMax);
  timer_for_ = now + wait;
  timer_ = loop_.After(milliseconds(wait), [this] {
    timer_ = 0;
    Run();
  });
}

}  // namespace limpet::object
