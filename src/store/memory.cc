#include "store/memory.h"

#include <mutex>
#include <utility>

#include "base/random.h"
#include "store/image.h"
#include "store/limits.h"
#include "store/session_link.h"

namespace limpet::store {
namespace {

struct Shared {
  explicit Shared(MemoryOptions made_with) : options(made_with), random(made_with.seed) {}
  // True if a read that must not block is to say that it would.
  bool Cold() { return options.cold_reads_percent > 0 && random.Below(100) < options.cold_reads_percent; }

  const MemoryOptions options;
  std::mutex mutex;  // Guards what follows.
  SeededRandom random;
  Image image;
  Groups groups;
};

class MemorySession final : public Session {
 public:
  MemorySession(std::shared_ptr<Shared> shared, loop::Loop& loop)
      : shared_(std::move(shared)), loop_(loop), link_(std::make_shared<SessionLink>(loop)) {}
  ~MemorySession() override { link_->Close(); }

  Result<std::optional<Bytes>> TryGet(const ObjectId& object, Space space, BytesView key) override {
    std::lock_guard lock(shared_->mutex);
    if (shared_->Cold()) return Error(ErrorCode::kWouldBlock, "not in memory");
    return shared_->image.Get(object, space, key);
  }

  void Get(const ObjectId& object, Space space, Bytes key, OnValue done) override {
    std::lock_guard lock(shared_->mutex);
    Answer(std::move(done), shared_->image.Get(object, space, key));
  }

  Result<ScanPage> TryScan(const ObjectId& object, const ScanOptions& options) override {
    std::lock_guard lock(shared_->mutex);
    if (shared_->Cold()) return Error(ErrorCode::kWouldBlock, "not in memory");
    return shared_->image.Scan(object, options);
  }

  void Scan(const ObjectId& object, ScanOptions options, OnPage done) override {
    std::lock_guard lock(shared_->mutex);
    Answer(std::move(done), shared_->image.Scan(object, options));
  }

  void ScanAlarms(std::optional<AlarmEntry> after, size_t limit, OnAlarms done) override {
    std::lock_guard lock(shared_->mutex);
    Answer(std::move(done), shared_->image.ScanAlarms(after, limit));
  }

  Result<std::optional<Bytes>> ReadNow(const ObjectId& object, Space space, BytesView key) override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.Get(object, space, key);
  }

  Result<ScanPage> ScanNow(const ObjectId& object, const ScanOptions& options) override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.Scan(object, options);
  }

  Result<Totals> TotalsNow(const ObjectId& object) override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.Count(object, shared_->groups);
  }

  void Mark(const ObjectId& object, OnMark done) override {
    std::lock_guard lock(shared_->mutex);
    Answer(std::move(done), shared_->image.Mark(object, WallMs(loop_)));
  }

  void Commit(const Claim& claim, ObjectBatch batch, OnCommit done) override {
    if (Result<Done> checked = CheckBatch(batch); !checked) return Answer(std::move(done), std::move(checked).error());
    std::lock_guard lock(shared_->mutex);
    Image& image = shared_->image;
    if (!image.Allows(claim, loop_.Now())) return Answer(std::move(done), Fenced(claim, image.Epoch(claim.partition)));
    Answer(std::move(done), image.Apply(batch, WallMs(loop_)));
  }

 private:
  template <typename T, typename Value>
  void Answer(UniqueFunction<void(Result<T>)> done, Value value) {
    link_->Post([done = std::move(done), value = Result<T>(std::move(value))]() mutable { done(std::move(value)); });
  }

  std::shared_ptr<Shared> shared_;
  loop::Loop& loop_;
  std::shared_ptr<SessionLink> link_;
};

class MemoryEngine final : public Engine {
 public:
  explicit MemoryEngine(MemoryOptions options) : shared_(std::make_shared<Shared>(options)) {}

  std::unique_ptr<Session> Attach(loop::Loop& loop) override { return std::make_unique<MemorySession>(shared_, loop); }

  Result<Claim> Acquire(uint32_t partition) override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.Acquire(partition);
  }

  void DropNamespace(NamespaceId ns, loop::Loop& loop, UniqueFunction<void(Result<Done>)> done) override {
    {
      std::lock_guard lock(shared_->mutex);
      shared_->image.Drop(ns);
    }
    loop.Post([done = std::move(done)]() mutable { done(Done{}); });
  }

  Result<std::vector<ObjectId>> ListObjects(NamespaceId ns, std::optional<ObjectId> after, size_t limit) override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.List(ns, after, limit);
  }

  std::map<NamespaceId, uint64_t> Stored() override {
    std::lock_guard lock(shared_->mutex);
    return shared_->image.stored();
  }

  void CountTogether(const std::vector<NamespaceId>& namespaces) override {
    std::lock_guard lock(shared_->mutex);
    shared_->groups.Put(namespaces);
  }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

std::unique_ptr<Engine> MakeMemoryEngine(MemoryOptions options) { return std::make_unique<MemoryEngine>(options); }

}  // namespace limpet::store
