// Bindings to other scripts, and what they mean for those scripts' lives.
#include "control/services.h"

#include "control/control_plane_testing.h"

namespace limpet::control {
namespace {

class Services : public ControlPlaneTest {
 protected:
  // Uploads `name`, which binds `target`.
  Json Put(const std::string& name, const std::string& target, const std::string& more = "",
           const std::string& code = "export default {}; export class Greeter {}") {
    std::string bindings;
    if (!target.empty()) bindings = R"({"type":"service","name":"OTHER","service":")" + target + "\"" + more + "}";
    return Upload("PUT", "/accounts/local/workers/scripts/" + name,
                  R"({"main_module":"index.mjs","bindings":[)" + bindings + "]}", code);
  }
  static std::string Message(const Json& envelope) { return envelope["errors"].items().at(0)["message"].AsString(); }
};

TEST_F(Services, AScriptThatIsNotThereCantBeBound) {
  Json refused = Put("front", "back");
  EXPECT_EQ(Code(refused), 10143);
  EXPECT_EQ(
      Message(refused),
      "Could not resolve service binding 'OTHER'. Target script 'back' not found. Please verify the target script "
      "and try again.");
  EXPECT_EQ(runtime_.live.count("front"), 0u);
  EXPECT_TRUE(Put("back", "")["success"].AsBool());
  EXPECT_TRUE(Put("front", "back", R"(,"entrypoint":"Greeter","props":{"a":1})")["success"].AsBool());
  const Binding& binding = runtime_.live["front"]->bindings.at(0);
  EXPECT_EQ(binding.kind, Binding::Kind::kService);
  EXPECT_EQ(binding.script_name, "back");
  EXPECT_EQ(binding.entrypoint, "Greeter");
  EXPECT_EQ(binding.value, R"({"a":1})");
}

TEST_F(Services, AnEntrypointThatIsNotThereCantBeBound) {
  EXPECT_TRUE(Put("back", "")["success"].AsBool());
  Json refused = Put("front", "back", R"(,"entrypoint":"Nobody")");
  EXPECT_EQ(Code(refused), 10144);
  EXPECT_EQ(Message(refused),
            "Could not resolve service binding 'OTHER'. Target entrypoint 'Nobody' not found for target script 'back'. "
            "Please verify the target and try again.");
  EXPECT_TRUE(Put("front", "back", R"(,"entrypoint":"default")")["success"].AsBool());
}

TEST_F(Services, AScriptMayBindItselfAndACycleMayClose) {
  EXPECT_EQ(Code(Put("a", "a", R"(,"entrypoint":"Nobody")")), 10144);
  EXPECT_TRUE(Put("a", "a", R"(,"entrypoint":"Greeter")")["success"].AsBool());
  EXPECT_TRUE(Put("b", "a")["success"].AsBool());
  EXPECT_TRUE(Put("a", "b")["success"].AsBool());
}

TEST_F(Services, AnEnvironmentIsAScriptOfItsOwn) {
  EXPECT_TRUE(Put("back-staging", "")["success"].AsBool());
  EXPECT_TRUE(Put("front", "back", R"(,"environment":"staging")")["success"].AsBool());
  EXPECT_EQ(runtime_.live["front"]->bindings.at(0).script_name, "back-staging");
}

TEST_F(Services, WhatIsMissingFromABindingIsSaid) {
  EXPECT_EQ(Code(Put("front", "", "")), 0);
  EXPECT_EQ(Code(Upload("PUT", kScript, R"({"main_module":"index.mjs","bindings":[{"type":"service","name":"X"}]})",
                        "export default {}")),
            10021);
  EXPECT_EQ(Code(Put("front", "front", R"(,"props":"text")")), 10021);
}

TEST_F(Services, AScriptThatOthersBindStaysUnlessForced) {
  EXPECT_TRUE(Put("back", "back")["success"].AsBool());
  EXPECT_TRUE(Put("front", "back")["success"].AsBool());
  Json refused = Call("DELETE", "/accounts/local/workers/scripts/back");
  EXPECT_EQ(Code(refused), 10064);
  EXPECT_NE(Message(refused).find("still referenced by other Workers: front binds it as OTHER"), std::string::npos);
  Json incoming = Call("GET", "/accounts/local/workers/scripts/back/references")["result"]["services"]["incoming"];
  ASSERT_EQ(incoming.items().size(), 1u);
  EXPECT_EQ(incoming.items()[0]["service"].AsString(), "front");
  EXPECT_TRUE(Call("DELETE", "/accounts/local/workers/scripts/back?force=true")["success"].AsBool());
  EXPECT_TRUE(Call("DELETE", "/accounts/local/workers/scripts/front")["success"].AsBool());
}

}  // namespace
}  // namespace limpet::control
