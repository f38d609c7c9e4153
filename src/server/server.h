// Everything of one machine, built and wired: store, shards, control plane, the two listeners. For `limpet serve` and
// `limpet dev`.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "server/options.h"

namespace limpet::server {

// Made, stopped and destroyed on one thread, which runs none of it.
class Server {
 public:
  // Returns once both addresses answer and every deployed script is active. Blocks. `js` and `logger` outlive it.
  // Errors: kUnavailable (address in use, folder not writable, disk), kConflict (another limpet uses the folder),
  // kCorrupt (names the file), kInvalidArgument; all with what to do where there is something.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, js::Runtime& js, Logger& logger);
  // If Stop was not called or did not finish, what still runs is left behind: the process must end now, by _exit.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // In order: no new connections, requests end, scripts end, objects settle, then all is destroyed and the store
  // closed. True if that was done before kDrainMax; else it is all left as it is, which loses nothing acknowledged.
  static constexpr std::chrono::seconds kDrainMax{30};
  bool Stop();

  const net::Endpoint& public_endpoint() const;
  const net::Endpoint& admin_endpoint() const;
  const std::string& token() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A folder and its parents. Error: kUnavailable, naming it.
Result<Done> MakeFolder(const std::string& path);

}  // namespace limpet::server
