#include "net/connection_gate.h"

#include <algorithm>
#include <utility>

namespace limpet::net {
namespace {

IpAddress Network(IpAddress address) {
  if (!address.is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), uint8_t{0});
  return address;
}

}  // namespace

std::shared_ptr<ConnectionGate> ConnectionGate::Make(ConnectionLimits limits, NetworkSet trusted, Counter* refused) {
  return std::shared_ptr<ConnectionGate>(new ConnectionGate(limits, std::move(trusted), refused));
}

std::optional<ConnectionGate::Ticket> ConnectionGate::Admit(const IpAddress& address) {
  bool trusted = trusted_.Contains(address);
  IpAddress network = Network(address);
  std::lock_guard lock(mutex_);
  size_t& of_address = of_address_[network];
  if (count_ >= limits_.connections_max || (!trusted && of_address >= limits_.connections_per_address_max)) {
    if (of_address == 0) of_address_.erase(network);
    if (refused_ != nullptr) refused_->Add();
    return std::nullopt;
  }
  ++of_address;
  ++count_;
  return Ticket(shared_from_this(), network);
}

size_t ConnectionGate::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

ConnectionGate::Ticket& ConnectionGate::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  Return();
  gate_ = std::move(other.gate_);
  address_ = other.address_;
  return *this;
}

void ConnectionGate::Ticket::Return() {
  std::shared_ptr<ConnectionGate> gate = std::exchange(gate_, nullptr);
  if (gate == nullptr) return;
  std::lock_guard lock(gate->mutex_);
  --gate->count_;
  if (auto found = gate->of_address_.find(address_); found != gate->of_address_.end() && --found->second == 0) {
    gate->of_address_.erase(found);
  }
}

}  // namespace limpet::net
