#include "net/client_address.h"

#include <vector>

#include "base/bytes.h"

namespace limpet::net {
namespace {

constexpr std::string_view kConnectingIp = "CF-Connecting-IP";
constexpr std::string_view kForwardedFor = "X-Forwarded-For";
constexpr std::string_view kForwardedProto = "X-Forwarded-Proto";

bool TellsAddress(std::string_view name) {
  if (name.size() < 4) return false;
  if (name[0] == 'c' || name[0] == 'C') return EqualsIgnoreCase(name.substr(0, 3), "cf-");
  if (name[0] != 'x' && name[0] != 'X') return false;
  return EqualsIgnoreCase(name, kForwardedFor) || EqualsIgnoreCase(name, kForwardedProto);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The last address of a list that is not trusted; the first of all if every one is.
std::optional<std::string> LastUntrusted(std::string_view list, const NetworkSet& trusted) {
  std::optional<std::string> found;
  while (!list.empty()) {
    size_t comma = list.rfind(',');
    std::string_view item = Trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
    std::optional<IpAddress> address = IpAddress::Parse(item);
    if (!address) break;  // What stands before something unreadable can't be believed.
    found = address->ToString();
    if (!trusted.Contains(*address)) break;
  }
  return found;
}

}  // namespace

ClientFacts ApplyClientAddress(HeaderList& headers, const IpAddress& peer, std::string_view peer_text,
                               const NetworkSet& trusted_proxies, bool peer_is_trusted) {
  ClientFacts facts{std::string(peer_text), std::nullopt};
  std::vector<std::string> told;
  for (size_t i = 0; i < headers.size(); ++i) {
    if (TellsAddress(headers[i].name)) told.emplace_back(headers[i].name);
  }
  if (told.empty()) {  // The usual case: nothing to search for or replace.
    headers.Append(kConnectingIp, peer_text);
    headers.Append(kForwardedFor, peer_text);
    return facts;
  }
  if (!peer_is_trusted) {
    for (const std::string& name : told) headers.Delete(name);
  } else {
    std::optional<IpAddress> connecting;
    if (auto given = headers.Get(kConnectingIp)) connecting = IpAddress::Parse(*given);
    if (connecting) {
      facts.ip = connecting->ToString();
    } else if (auto list = headers.GetCombined(kForwardedFor)) {
      if (auto address = LastUntrusted(*list, trusted_proxies)) facts.ip = *address;
    }
    if (auto proto = headers.Get(kForwardedProto)) {
      if (EqualsIgnoreCase(*proto, "https")) facts.scheme = "https";
      if (EqualsIgnoreCase(*proto, "http")) facts.scheme = "http";
    }
  }
  headers.Set(kConnectingIp, facts.ip);
  std::string chain = headers.GetCombined(kForwardedFor).value_or("");
  if (!chain.empty()) chain.append(", ");
  headers.Set(kForwardedFor, chain.append(peer_text));
  return facts;
}

}  // namespace limpet::net
