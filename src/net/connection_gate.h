// Counts the connections of one listener, in all and of each address (of IPv6 the network of 64 bits, which is what one
// customer has), from the moment they are accepted, whatever shard they are on. Any thread: a lock that is held for a
// look into a table, twice in a connection's life.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/counters.h"
#include "net/ip_address.h"
#include "net/server_limits.h"

namespace limpet::net {

class ConnectionGate : public std::enable_shared_from_this<ConnectionGate> {
 public:
  // The place of one connection: given back when it is destroyed. Keeps the gate alive. An empty one counts nothing.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { Return(); }

   private:
    friend class ConnectionGate;
    Ticket(std::shared_ptr<ConnectionGate> gate, const IpAddress& address)
        : gate_(std::move(gate)), address_(address) {}
    void Return();
    std::shared_ptr<ConnectionGate> gate_;
    IpAddress address_;
  };

  // `trusted` are held to the sum alone. `refused`, if any, counts those that found no place; it outlives the gate.
  static std::shared_ptr<ConnectionGate> Make(ConnectionLimits limits, NetworkSet trusted, Counter* refused = nullptr);

  // Nothing if there is no place.
  std::optional<Ticket> Admit(const IpAddress& address);
  size_t count() const;

 private:
  ConnectionGate(ConnectionLimits limits, NetworkSet trusted, Counter* refused)
      : limits_(limits), trusted_(std::move(trusted)), refused_(refused) {}

  const ConnectionLimits limits_;
  const NetworkSet trusted_;
  Counter* const refused_;
  mutable std::mutex mutex_;
  size_t count_ = 0;
  std::unordered_map<IpAddress, size_t> of_address_;
};

}  // namespace limpet::net
