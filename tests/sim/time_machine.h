// One seeded run of the time machine: an object that is written to, marked, led back and led forth again, on a store
// that fails, with power cuts in the middle of everything.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "loop/sim_loop.h"
#include "object/alarm_record.h"
#include "object/fake_code_test.h"
#include "object/shard.h"
#include "store/faulty.h"

namespace limpet::sim {

class TimeMachine {
 public:
  // `violation` is called with what did not hold, as soon as it is seen.
  TimeMachine(uint64_t seed, std::function<void(const std::string&)> violation);
  ~TimeMachine();
  void Run();

 private:
  // All that the object stores: "pair K", "row K", "alarm".
  using State = std::map<std::string, std::string>;
  struct Wish {
    std::optional<State> target;  // Nothing: its bookmark leads nowhere, and the object stays as it is.
    std::string undo;             // Empty: nobody was told.
    std::string from;             // The bookmark that was asked for.
  };
  // What may be on disk. A write that failed makes two of one; a look at the object makes one of many.
  struct World {
    State state;
    std::optional<Wish> wish;
    std::map<std::string, State> undone;  // By the undo bookmarks of the restores that came.
    bool operator==(const World& other) const;
  };
  struct Op {
    enum class Kind : uint8_t { kPut, kDelete, kRow, kDropRow, kAlarm, kNoAlarm, kDeleteAll } kind;
    std::string key, value;
  };
  using Effect = std::function<void(World&)>;
  using Act = std::function<void(object::Instance&, object::InputLock, object::OnReply)>;
  // A reply is the number of the instance and a text.
  struct Reply {
    int made = 0;
    std::string text;
  };

  void Open();
  void Crash();
  void SettleHalf();  // As the server does at its start.
  void Step();
  // Sends an event and waits for its reply, or cuts the power meanwhile. Nothing: it failed. `half`: what may have
  // happened of it then.
  std::optional<Reply> Send(Act act, const Effect& effect, const Effect& half = [](World&) {});
  void Failed(const Effect& effect, const Effect& half = [](World&) {});
  void Succeeded(int made, const Effect& effect);
  void Add(std::vector<World>& worlds, World world);
  // Looks at the object until it answers: one world is left.
  void Look();
  std::vector<Op> RandomOps();
  // False: something could not be read, and the instance ends without a reply of its own.
  static bool Do(object::Instance& instance, const object::InputLock& lock, const std::vector<Op>& ops);
  static void Apply(State& state, const std::vector<Op>& ops);
  static void Start(World& world);
  static State Parse(const std::string& text);

  void Write();
  void TakeBookmark();
  void RememberTime();
  void MakeWish();
  void RestoreFromOutside();
  // In replacing.cc. `content` is what the slices hold.
  void ReplaceFromOutside();
  std::vector<object::ContentSource::Slice> RandomContent(const State& now, State& content);
  void Abort();
  void Age();  // Weeks pass.
  // Of a bookmark: it is out of the window by hours, or it is about to be.
  bool TooOld(const std::string& bookmark) const;
  bool AtTheEdge(const std::string& bookmark) const;

  bool violated_ = false;  // It ends with the first.
  std::function<void(const std::string&)> violation_;
  loop::SimLoop loop_;
  SeededRandom random_;
  bool faults_, crashes_;
  std::unique_ptr<store::FaultyEngine> engine_;
  store::Claim claim_;
  NullLogger log_;
  std::unique_ptr<Counters> counters_;
  std::shared_ptr<object::FakeClass> class_;
  std::unique_ptr<object::Shard> shard_;
  std::map<std::string, Act> acts_;
  uint64_t next_act_ = 0, next_value_ = 0;
  int last_made_ = 0;
  bool uncertain_ = false;  // An event failed since the last one that did not.
  std::vector<World> worlds_{World()};
  std::vector<std::pair<std::string, State>> marks_;
  std::vector<std::pair<int64_t, State>> times_;
};

}  // namespace limpet::sim
