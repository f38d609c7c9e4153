// What a start finds half done.
#include "control/control_plane_testing.h"
#include "store/unsettled.h"

namespace limpet::control {
namespace {

using store::Space;

class SettleTest : public ControlPlaneTest {
 protected:
  void List(const ObjectId& object) {
    store::ObjectBatch batch{object, {}};
    batch.writes.push_back({store::Write::Kind::kPut, Space::kMeta, Bytes(store::kRestoreKey), "half"});
    session_->Commit(claim_, std::move(batch), [](const Result<uint64_t>& done) { EXPECT_TRUE(done.has_value()); });
    loop_.RunUntilIdle(std::chrono::seconds(1));
  }
  std::vector<ObjectId> Listed() {
    store::ScanOptions all;
    all.space = Space::kMeta;
    std::vector<ObjectId> listed;
    const store::ScanPage page = session_->ScanNow(store::UnsettledIndex(), all).value();
    for (const auto& [key, value] : page.pairs) listed.push_back(store::OfUnsettledKey(key).value());
    return listed;
  }
  NamespaceId ClassMade() {
    Publish(kNewClass);
    EXPECT_EQ(status_, 200);
    return runtime_.live.at("counter")->classes.front().ns;
  }

  std::unique_ptr<store::Session> session_ = engine_->Attach(loop_);
  store::Claim claim_ = engine_->Acquire(store::kObjectsPartition).value();
};

TEST_F(SettleTest, ShardsAreAskedToSettleIt) {
  const NamespaceId ns = ClassMade();
  std::vector<ObjectId> half;
  for (int i = 0; i < 300; ++i) {  // More than a page of them.
    ObjectId object{.ns = ns};
    object.base[0] = static_cast<uint8_t>(i >> 8);
    object.base[1] = static_cast<uint8_t>(i);
    List(half.emplace_back(object));
  }
  EXPECT_EQ(runtime_.settled, std::vector<ObjectId>());
  Open();
  EXPECT_EQ(runtime_.settled, half);
}

TEST_F(SettleTest, WhatIsLeftOfAClassThatIsGoneIsForgotten) {
  const NamespaceId ns = ClassMade();
  ObjectId gone{.ns = {ns.value + 100}}, there{.ns = ns};
  List(gone);
  List(there);
  Open();
  EXPECT_EQ(Listed(), std::vector{there});
  EXPECT_EQ(runtime_.settled, std::vector{there});
}

TEST_F(SettleTest, MetricsSayWhatIsStored) {
  const NamespaceId ns = ClassMade();
  store::ObjectBatch batch{{.ns = ns}, {}};
  batch.writes.push_back({store::Write::Kind::kPut, Space::kKv, "key", "value"});
  session_->Commit(claim_, std::move(batch), [](const auto&) {});
  loop_.RunUntilIdle(std::chrono::seconds(1));
  HttpRequest request;
  request.url = "http://127.0.0.1:8788/metrics";
  const std::string text = Send(std::move(request)).body.bytes;
  EXPECT_NE(text.find("\nlimpet_stored_bytes 8\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nlimpet_class_stored_bytes{script=\"counter\",class=\"Counter\"} 8\n"), std::string::npos);
  Json list = Call("GET", "/accounts/local/workers/durable_objects/namespaces");
  EXPECT_EQ(list["result"].items().at(0)["stored_bytes"].AsInt64(), 8);
}

}  // namespace
}  // namespace limpet::control
