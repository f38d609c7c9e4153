// What every engine promises.
#include "store/engine_testing.h"
#include "store/unsettled.h"

namespace limpet::store {
namespace {

class EngineContract : public testing::TestWithParam<const char*> {
 protected:
  EngineUnderTest on_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, testing::ValuesIn(kEngines),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EngineContract, ShowsWhatWasCommitted) {
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1"), Put("empty", ""), Put(Bytes("n\0l", 3), Bytes("\0", 1))}).value(),
            1u);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), "1");
  EXPECT_EQ(on_.Get(Object(1), "empty").value(), "");
  EXPECT_EQ(on_.Get(Object(1), Bytes("n\0l", 3)).value(), Bytes("\0", 1));
  EXPECT_EQ(on_.Get(Object(2), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1, 8), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1), "a", Space::kMeta).value(), std::nullopt);
  Result<std::optional<Bytes>> tried = on_.session()->TryGet(Object(1), Space::kKv, "a");
  if (tried.has_value()) {
    EXPECT_EQ(tried.value(), "1");
  } else {
    EXPECT_EQ(tried.error().code(), ErrorCode::kWouldBlock);
  }
}

TEST_P(EngineContract, NumbersTheCommitsOfEachObject) {
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1")}).value(), 1u);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}).value(), 2u);
  EXPECT_EQ(on_.Commit(Object(2), {Put("a", "2")}).value(), 1u);
  EXPECT_EQ(on_.Commit(Object(1), {Clear()}).value(), 3u);
  EXPECT_EQ(on_.Commit(Object(1), {}).value(), 4u);
}

TEST_P(EngineContract, AppliesTheWritesOfABatchInOrder) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1"), Put("b", "1"), Put("m", "1", Space::kMeta)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("c", "2"), Put("a", "2"), Delete("a"), Put("d", "2"), Clear(), Put("e", "2"),
                                     Put("e", "3")})
                  .has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "e ");
  EXPECT_EQ(on_.Get(Object(1), "e").value(), "3");
  EXPECT_EQ(on_.Get(Object(1), "m", Space::kMeta).value(), "1");
}

TEST_P(EngineContract, ClearsManyKeysAndThoseOfABatchThatIsStillOnItsWay) {
  std::vector<Write> many;
  for (int i = 0; i < 300; ++i) many.push_back(Put(std::to_string(i), "x"));
  ASSERT_TRUE(on_.Commit(Object(1), many).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("a", "x")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "");
  auto answer = on_.Await<Result<uint64_t>>([&](auto done) {
    on_.session()->Commit(on_.claim(), {Object(1), {Put("a", "1")}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Clear(), Put("b", "1")}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Put("c", "1")}}, done);
  });
  EXPECT_EQ(answer.value(), 5u);
  EXPECT_EQ(on_.Keys(Object(1), {}), "b c ");
  EXPECT_EQ(on_.Keys(Object(2), {}), "a ");
}

TEST_P(EngineContract, ScansRangesInBothDirections) {
  ASSERT_TRUE(on_.Commit(Object(1),
                         {Put("a", "1"), Put("b", "2"), Put("c", "3"), Put("\xFF", "4"), Put("x", "p", Space::kPage)})
                  .has_value());
  ASSERT_TRUE(on_.Commit(Object(0), {Put("z", "0")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("0", "0")}).has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "a b c \xFF ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "b", .end = "c"}), "b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "c", .end = "b"}), "");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "b", .end = std::nullopt, .reverse = true}), "\xFF c b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "", .end = "c", .reverse = true, .limit = 1}), "b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "", .end = std::nullopt, .limit = 2}), "a b ");
}

TEST_P(EngineContract, EndsAPageWithThePairThatCrossesItsBytes) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "12345"), Put("b", "12345"), Put("c", "1")}).has_value());
  ScanOptions options;
  options.bytes_max = 7;
  ScanPage page = on_.Scan(Object(1), options);
  EXPECT_EQ(page.pairs.size(), 2u);
  EXPECT_FALSE(page.complete);
  options.start = Bytes("b\0", 2);
  page = on_.Scan(Object(1), options);
  EXPECT_EQ(page.pairs.size(), 1u);
  EXPECT_TRUE(page.complete);
}

TEST_P(EngineContract, ReadsPages) {
  Bytes five;
  AppendBigEndian64(five, 5);
  ASSERT_TRUE(on_.Commit(Object(1), {Put(five, "page", Space::kPage)}).has_value());
  EXPECT_EQ(on_.session()->ReadPage(Object(1), 5).value(), "page");
  EXPECT_EQ(on_.session()->ReadPage(Object(1), 6).value(), std::nullopt);
  ScanOptions pages;
  pages.space = Space::kPage;
  EXPECT_EQ(on_.session()->ScanNow(Object(1), pages).value().pairs.size(), 1u);
}

TEST_P(EngineContract, CommitsPagesWithThePairsBesideThem) {
  auto number = [](uint64_t page) {
    Bytes key;
    AppendBigEndian64(key, page);
    return key;
  };
  auto page = [&](uint64_t which) { return on_.session()->ReadPage(Object(1), which).value(); };
  ASSERT_TRUE(on_.Commit(Object(1), {Put(number(1), Bytes(4096, 'a'), Space::kPage), Put("k", "1"),
                                     Put(number(2), Bytes(4096, 'b'), Space::kPage)})
                  .has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put(number(1), Bytes(4096, 'c'), Space::kPage), Delete(number(2), Space::kPage),
                                     Put(number(256), "x", Space::kPage)})
                  .has_value());
  EXPECT_EQ(page(1), Bytes(4096, 'c'));
  EXPECT_EQ(page(2), std::nullopt);
  EXPECT_EQ(page(256), "x");
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(page(1), Bytes(4096, 'c')) << "the pairs were cleared";
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 10).value(), (std::vector{Object(1)}));
  ASSERT_TRUE(
      on_.Commit(Object(1), {Clear(Space::kPage), Put(number(3), "new", Space::kPage), Put("k", "2")}).has_value());
  EXPECT_EQ(page(1), std::nullopt);
  EXPECT_EQ(page(3), "new");
  EXPECT_EQ(on_.Get(Object(1), "k").value(), "2");
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(page(3), std::nullopt);
}

// --- Alarms

Bytes AlarmAt(uint64_t time, BytesView rest = "") {
  Bytes record;
  AppendBigEndian64(record, time);
  return record.append(rest);
}
Write SetAlarm(uint64_t time, BytesView rest = "") { return Put("", AlarmAt(time, rest), Space::kAlarm); }

TEST_P(EngineContract, KeepsOneAlarmOfEachObjectInTheOrderOfTheirTimes) {
  ASSERT_TRUE(on_.Commit(Object(1), {SetAlarm(30, "one")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {SetAlarm(5)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 9), {SetAlarm(20)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {SetAlarm(256), Put("a", "1")}).has_value());
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{5, Object(2)}, {20, Object(1, 9)}, {30, Object(1)}, {256, Object(3)}}));
  EXPECT_EQ(on_.Get(Object(1), "", Space::kAlarm).value(), AlarmAt(30, "one"));
  EXPECT_EQ(on_.Alarms(std::nullopt, 2), (AlarmPage{{5, Object(2)}, {20, Object(1, 9)}}));
  EXPECT_EQ(on_.Alarms(AlarmEntry{20, Object(1, 9)}, 1), (AlarmPage{{30, Object(1)}}));
  EXPECT_EQ(on_.Alarms(AlarmEntry{256, Object(3)}), AlarmPage{});
  EXPECT_EQ(on_.Keys(Object(1), {}), "");

  ASSERT_TRUE(on_.Commit(Object(1), {SetAlarm(4, "moved")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Delete("", Space::kAlarm)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 9), {SetAlarm(20, "same time")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {Clear()}).has_value());
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{4, Object(1)}, {20, Object(1, 9)}, {256, Object(3)}}));
  EXPECT_EQ(on_.Get(Object(1, 9), "", Space::kAlarm).value(), AlarmAt(20, "same time"));
  EXPECT_EQ(on_.Get(Object(2), "", Space::kAlarm).value(), std::nullopt);
  ASSERT_TRUE(on_.Commit(Object(3), {Clear(Space::kAlarm)}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(), (std::vector{Object(1)}));  // An alarm is data.
}

TEST_P(EngineContract, TheLastOfManyAlarmsThatAreOnTheirWayCounts) {
  auto answer = on_.Await<Result<uint64_t>>([&](auto done) {
    on_.session()->Commit(on_.claim(), {Object(1), {SetAlarm(1), SetAlarm(2)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Delete("", Space::kAlarm)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(2), {SetAlarm(7), Delete("", Space::kAlarm)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {SetAlarm(3), Put("a", "1"), SetAlarm(4)}}, done);
  });
  EXPECT_EQ(answer.value(), 3u);
  on_.Settle();
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{4, Object(1)}}));
}

TEST_P(EngineContract, KeepsAnIndexOfTheNamesOfObjects) {
  auto name = [](std::string text) { return Put(Bytes(kNameKey), std::move(text), Space::kMeta); };
  ASSERT_TRUE(on_.Commit(Object(1), {Put("k", "v"), name("bob")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {name("alice"), Put("k", "v")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {name("nobody")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("k", "v"), name("bob")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {Put("k", "v"), name("elsewhere")}).has_value());
  using Names = std::vector<std::pair<Bytes, ObjectId>>;
  auto from = [&](Bytes start, uint64_t ns = 7) {
    Names found;
    ScanOptions options;
    options.space = Space::kMeta;
    options.start = std::move(start);
    for (const auto& [key, value] : on_.Scan(NameIndex({ns}), options).pairs) {
      found.push_back(OfNameIndexKey({ns}, key).value());
    }
    return found;
  };
  EXPECT_EQ(from(""), (Names{{"alice", Object(2)}, {"bob", Object(1)}, {"nobody", Object(3)}}));
  EXPECT_EQ(from("b"), (Names{{"bob", Object(1)}, {"nobody", Object(3)}}));
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(), (std::vector{Object(1), Object(2)}))
      << "neither a name nor the index is data";
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(Space::kMeta)}).has_value());
  EXPECT_EQ(from(""), (Names{{"alice", Object(2)}, {"nobody", Object(3)}}));
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(from(""), Names());
  EXPECT_EQ(from("", 8), (Names{{"elsewhere", Object(1, 8)}}));
}

TEST_P(EngineContract, KeepsAnIndexOfObjectsThatAreHalfDone) {
  Write record = Put(Bytes(kRestoreKey), "half", Space::kMeta), end = Delete(Bytes(kRestoreKey), Space::kMeta);
  auto unsettled = [&] {
    std::vector<ObjectId> found;
    ScanOptions options;
    options.space = Space::kMeta;
    for (const auto& [key, value] : on_.Scan(UnsettledIndex(), options).pairs) {
      found.push_back(OfUnsettledKey(key).value());
    }
    return found;
  };
  ASSERT_TRUE(on_.Commit(Object(2, 8), {Put("k", "v"), record}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {record}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {record}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {record}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put(Bytes(kRestoreKey), "a pair of a script")}).has_value());
  EXPECT_EQ(unsettled(), (std::vector{Object(1), Object(3), Object(2, 8)}));
  ASSERT_TRUE(on_.Commit(Object(1), {Put("k", "v"), end}).has_value());
  EXPECT_EQ(unsettled(), (std::vector{Object(3), Object(2, 8)}));
  ASSERT_TRUE(on_.Commit(Object(3), {Clear(Space::kMeta)}).has_value());
  EXPECT_EQ(unsettled(), (std::vector{Object(2, 8)}));
  // What is left of a dropped namespace can be taken out by itself.
  ASSERT_TRUE(on_.Commit(UnsettledIndex(), {Delete(UnsettledKey(Object(2, 8)), Space::kMeta)}).has_value());
  EXPECT_EQ(unsettled(), std::vector<ObjectId>());
}

TEST_P(EngineContract, RefusesAlarmsThatAreNone) {
  for (const Write& wrong : {Put("key", AlarmAt(1), Space::kAlarm), Put("", "short", Space::kAlarm)}) {
    EXPECT_EQ(on_.Commit(Object(1), {wrong}).error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(on_.Alarms(), AlarmPage{});
}

TEST_P(EngineContract, AlarmsGoWithTheirNamespace) {
  for (uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(on_.Commit(Object(i), {SetAlarm(i)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {SetAlarm(3)}).has_value());
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(on_.Get(Object(1), "", Space::kAlarm).value(), std::nullopt);
  for (int tries = 0; on_.Alarms().size() > 1 && tries < 500; ++tries) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{3, Object(1, 8)}}));
}

TEST_P(EngineContract, RefusesKeysAndValuesOverTheirLimits) {
  EXPECT_TRUE(on_.Commit(Object(1), {Put(Bytes(kKeyBytesMax, 'k'), "v")}).has_value());
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1"), Put(Bytes(kKeyBytesMax + 1, 'k'), "v")}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", Bytes(kValueBytesMax + 1, 'v'))}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Commit({.ns = kEngineNamespace}, {Put("a", "v")}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
}

TEST_P(EngineContract, FencesClaimsThatAreOldExpiredOrWereNeverMade) {
  Claim old = on_.claim();
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  Claim claim = on_.engine().Acquire(0).value();
  EXPECT_GT(claim.epoch, old.epoch);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, old).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, Claim{.partition = 9}).error().code(), ErrorCode::kFenced);
  Claim expired = claim;
  expired.valid_until = on_.loop().Now();
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, expired).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), "1");
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "3")}, claim).value(), 2u);
}

TEST_P(EngineContract, ListsAndDropsTheObjectsOfANamespace) {
  for (uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(on_.Commit(Object(i), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {Clear()}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 6), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {Put("a", "1")}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(),
            (std::vector{Object(1), Object(2), Object(4), Object(5)}));
  EXPECT_EQ(on_.engine().ListObjects({7}, Object(2), 1).value(), (std::vector{Object(4)}));
  for (int again = 0; again < 2; ++again) {
    auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
    EXPECT_TRUE(dropped.has_value());
  }
  EXPECT_TRUE(on_.engine().ListObjects({7}, std::nullopt, 100).value().empty());
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1, 6), "a").value(), "1");
  EXPECT_EQ(on_.Get(Object(1, 8), "a").value(), "1");
}

TEST_P(EngineContract, AnswersNothingAfterTheSessionIsDestroyed) {
  auto answered = std::make_shared<bool>(false);
  auto second = on_.Await<Result<uint64_t>>([&](auto done) {
    std::unique_ptr<Session> other = on_.engine().Attach(on_.loop());
    other->Commit(on_.claim(), {Object(1), {Put("a", "1")}}, [answered](auto) { *answered = true; });
    other->Get(Object(1), Space::kKv, "a", [answered](auto) { *answered = true; });
    other.reset();
    on_.session()->Commit(on_.claim(), {Object(2), {Put("a", "1")}}, done);
  });
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(*answered);
}

// --- History

TEST_P(EngineContract, KeepsEveryMarkedStateInItsHistory) {
  SeededRandom random(11);
  std::vector<std::pair<uint64_t, std::map<Bytes, Bytes>>> marked;
  const ObjectId object = Object(1);
  marked.emplace_back(on_.Mark(object).now, std::map<Bytes, Bytes>());
  for (int round = 0; round < 40; ++round) {
    // Several commits at once share a write.
    (void)on_.Await<Result<uint64_t>>([&](auto done) {
      for (uint64_t left = random.Below(3); left > 0; --left) {
        std::vector<Write> writes;
        for (uint64_t more = random.Below(6); more > 0; --more) {
          Bytes key(1, static_cast<char>('a' + random.Below(8)));
          Space space = random.Below(3) == 0 ? Space::kPage : Space::kKv;
          uint64_t what = random.Below(20);
          if (what < 12) writes.push_back(Put(key, std::to_string(random.Below(1000)), space));
          if (what >= 12 && what < 17) writes.push_back(Delete(key, space));
          if (what == 17) writes.push_back(Clear(space));
          if (what == 18) writes.push_back(Put("", std::to_string(10'000'000 + random.Below(1000)), Space::kAlarm));
          if (what == 19) writes.push_back(Delete("", Space::kAlarm));
        }
        on_.session()->Commit(on_.claim(), {object, std::move(writes)}, [](auto) {});
        if (random.Below(2) == 0) on_.session()->Mark(object, [](auto) {});
      }
      on_.session()->Commit(on_.claim(), {object, {}}, done);
    });
    if (random.Below(3) > 0) {
      uint64_t now = on_.Mark(object).now;
      EXPECT_GE(now, marked.back().first);
      marked.emplace_back(now, on_.State(object));
    }
    if (random.Below(5) > 0) continue;
    for (const auto& [moment, state] : marked) ASSERT_EQ(on_.StateAt(object, moment), state) << moment;
  }
  for (const auto& [moment, state] : marked) ASSERT_EQ(on_.StateAt(object, moment), state) << moment;
}

TEST_P(EngineContract, KeepsOneRecordOfAKeyThatChangesManyTimesInASlot) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("other", "1")}).has_value());
  (void)on_.Mark(Object(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(on_.Commit(Object(1), {Put("a", std::to_string(i))}).has_value());
  ScanOptions options;
  options.space = Space::kHistory;
  EXPECT_LE(on_.Scan(Object(1), options).pairs.size(), 3u);  // The birth; the slot, or two if the clock was unlucky.
}

TEST_P(EngineContract, KeepsWhatAClearTookAway) {
  std::vector<Write> many;
  for (int i = 0; i < 300; ++i) many.push_back(Put(std::to_string(i), "x"));
  ASSERT_TRUE(on_.Commit(Object(1), many).has_value());
  std::map<Bytes, Bytes> full = on_.State(Object(1));
  uint64_t before = on_.Mark(Object(1)).now;
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(), Put("1", "new")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("1", "newer")}).has_value());
  EXPECT_EQ(on_.StateAt(Object(1), before), full);
}

TEST_P(EngineContract, ForgetsTheHistoryThatIsClearedWithTheRest) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  uint64_t before = on_.Mark(Object(1)).now;
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(), Clear(Space::kHistory)}).has_value());
  EXPECT_GT(on_.Mark(Object(1)).oldest, before);
  ScanOptions options;
  options.space = Space::kHistory;
  EXPECT_TRUE(on_.Scan(Object(1), options).pairs.empty());
  EXPECT_FALSE(on_.Commit(Object(1), {Put("a", "1", Space::kHistory)}).has_value());
}

TEST_P(EngineContract, ListsNoObjectThatHasHistoryAlone) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("a", "1")}).has_value());
  (void)on_.Mark(Object(1));
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, {}, 10).value(), std::vector<ObjectId>{Object(2)});
}

}  // namespace
}  // namespace limpet::store
