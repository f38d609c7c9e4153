// The `limpet` tool. Main parses the command line and runs one command; what needs a server in this process (`serve`,
// `dev`) comes from the layer that wires everything, through Commands.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/function.h"
#include "base/result.h"

namespace limpet::cli {

// Exit codes: the contract with scripts.
inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;

// What a running server tells `limpet dev`. Any thread.
struct DevEvent {
  enum class Kind : uint8_t { kRequest, kConsole, kException };
  Kind kind = Kind::kRequest;
  // kRequest:
  std::string method, url;
  int status = 0;
  std::chrono::nanoseconds duration{0};
  // kConsole: level is "log", "warn", …; kException: text is the error with its stack.
  std::string level, text;
};

struct DevOptions {
  std::string listen = "127.0.0.1:8787";
  std::string data_dir = ".limpet";
  std::string default_script;  // Answers on every host name that is not NAME.localhost of another script.
  UniqueFunction<void(DevEvent)> on_event;
};

// A server in this process, on threads of its own. Destroying it drains and stops it.
class DevServer {
 public:
  virtual ~DevServer() = default;
  virtual std::string public_origin() const = 0;  // "http://localhost:8787"
  virtual std::string admin_origin() const = 0;   // "http://127.0.0.1:41234"
  virtual std::string token() const = 0;
};

// Implemented in server/ (or main), which outlives Main.
class Commands {
 public:
  virtual ~Commands() = default;
  // `limpet serve ARGUMENTS`: parses its own flags (--help too), runs until it is told to stop, returns an exit code.
  virtual int Serve(std::vector<std::string> arguments) = 0;
  virtual Result<std::unique_ptr<DevServer>> StartDev(DevOptions options) = 0;
};

// Where things are.
struct Installation {
  std::string package_dir;  // Holds templates/ and node_modules/.
  std::string version;      // "0.1.0"
};

// `arguments` without the program's name. Returns the exit code. Blocks; one call a process.
int Main(const std::vector<std::string>& arguments, const Installation& installation, Commands& commands);

// What a local server leaves for the tool: $XDG_CONFIG_HOME/limpet/profile.json (or ~/.config/limpet), mode 0600.
struct Profile {
  std::string server;  // "http://127.0.0.1:8788"
  std::string token;
};
Result<Done> WriteProfile(const Profile& profile);
Result<Profile> ReadProfile();  // kNotFound if there is none.

// What `limpet login` has kept, beside it in profiles/NAME.json; "" is "default". Errors: kNotFound, kInvalidArgument
// (a name that is none), kUnavailable. WriteLogin and RemoveLogin give the file's path.
Result<Profile> ReadLogin(const std::string& name);
Result<std::string> WriteLogin(const std::string& name, const Profile& profile);
Result<std::string> RemoveLogin(const std::string& name);

}  // namespace limpet::cli
