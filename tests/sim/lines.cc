#include "sim/lines.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace limpet::sim {
namespace {

WebSocketMessagePtr Text(const std::string& text) { return WebSocketMessage::Of(WebSocketMessage::Type::kText, text); }

constexpr std::string_view kTag = "line:";

// "a:1:2" → the numbers after the first colon.
std::vector<uint64_t> NumbersOf(std::string_view text) {
  std::vector<uint64_t> numbers;
  for (size_t at = text.find(':'); at != std::string_view::npos; at = text.find(':', at + 1)) {
    numbers.push_back(std::strtoull(text.data() + at + 1, nullptr, 10));
  }
  return numbers;
}

}  // namespace

struct Lines::Client final : WebSocketReceiver {
  Client(Lines& of, Line& line, std::unique_ptr<WebSocketEnd> end) : of(of), line(line), end(std::move(end)) {}

  void OnMessage(WebSocketMessagePtr message) override {
    std::string text(message->payload());
    if (text == "pong") {
      if (++line.pongs > line.pings) of.Violate(line, "an automatic response that nobody asked for");
      return;
    }
    std::vector<uint64_t> numbers = NumbersOf(text);
    if (numbers.size() != 3 || numbers[0] != line.number) return of.Violate(line, "heard what was for another");
    if (numbers[1] <= line.last_heard)
      of.Violate(line, "messages came to a client in another order than they were sent");
    line.last_heard = numbers[1];
    ++line.heard;
    of.model_.Emitted(line.object, numbers[2], true, "a WebSocket message");
  }
  void OnClose(WebSocketClose close) override {
    if (++line.ends_heard > 1) of.Violate(line, "a client heard two ends");
    if (!close.clean) {
      if (of.model_.quiet && !of.excused(line)) of.Violate(line, "was cut though nothing was wrong");
      return;
    }
    if (line.heard != line.emitted) of.Violate(line, "was closed before all that was sent had come");
    if (!line.closed) return Answer(of.random_.Below(3));
  }
  void OnError(Error error) override { of.Violate(line, "broke: " + error.message()); }

  // Whoever is told that the other side has closed: closes too, later, or is gone.
  void Answer(uint64_t how) {
    if (how == 0) return Close();
    if (how == 1) {
      line.cut = true;
      of.loop_.Post([this] { end.reset(); });
      return;
    }
    of.loop_.After(std::chrono::microseconds(of.random_.Below(9000)), [this] { Close(); });
  }
  void Close() {
    line.closed = true;
    if (end != nullptr) end->Close(4000, "bye");
  }
  void Send(const std::string& text) { end->Send(Text(text)); }

  Lines& of;
  Line& line;
  std::unique_ptr<WebSocketEnd> end;
};

Lines::Lines(loop::SimLoop& loop, Random& random, Model& model, std::function<bool(const ObjectId&)> may_cut)
    : loop_(loop), random_(random), model_(model), may_cut_(std::move(may_cut)) {}

Lines::~Lines() = default;

void Lines::SetLife(uint64_t life) {
  life_ = life;
  for (auto& client : clients_) client->end.reset();
}

void Lines::Violate(const Line& line, const std::string& what) {
  model_.Violate("WebSocket " + std::to_string(line.number) + " " + what);
}

// --- The object's side

Line& Lines::Make(const ObjectId& object) {
  lines_.push_back(std::make_unique<Line>());
  Line& line = *lines_.back();
  line.number = lines_.size();
  line.life = life_;
  line.object = object;
  line.tags = {std::string(kTag) + std::to_string(line.number), line.number % 2 == 0 ? "even" : "odd"};
  return line;
}

Line* Lines::Of(object::ObjectSockets& sockets, const ObjectId& object, uint64_t socket) {
  const std::vector<std::string>* tags = sockets.Tags(socket);
  const Bytes* attachment = sockets.Attachment(socket);
  if (tags == nullptr || tags->empty() || attachment == nullptr) {
    model_.Violate("an event of a WebSocket that its object does not know");
    return nullptr;
  }
  Line& line = *lines_[NumbersOf(tags->front())[0] - 1];
  if (line.object != object) Violate(line, "is at another object");
  if (*tags != line.tags) Violate(line, "has lost a tag");
  if (*attachment != line.attachment)
    Violate(line, "has attachment '" + *attachment + "' for '" + line.attachment + "'");
  if (line.must_end) Violate(line, "outlived the reset of its object");
  if (line.life != life_) Violate(line, "outlived its server");
  return &line;
}

void Lines::CheckAll(object::ObjectSockets& sockets, const ObjectId& object) {
  for (uint64_t socket : sockets.List({})) {
    Line* line = Of(sockets, object, socket);
    if (line == nullptr) continue;
    if (sockets.List(line->tags[0]) != std::vector<uint64_t>{socket}) Violate(*line, "is not found by its tag");
    if (line->automatic && !sockets.auto_response()) Violate(*line, "has lost its automatic response");
  }
}

void Lines::Delivered(Line& line, const object::SocketEvent& event) {
  if (line.ends_seen > 0) Violate(line, "had an event after its end");
  if (const auto* message = std::get_if<WebSocketMessagePtr>(&event.what)) {
    std::string text((*message)->payload());
    if (text == "ping") return Violate(line, "woke its object for an automatic response");
    std::vector<uint64_t> numbers = NumbersOf(text);
    if (numbers[0] != line.number) return Violate(line, "delivered what another had sent");
    if (numbers[1] != ++line.delivered)
      Violate(line, "delivered message " + std::to_string(numbers[1]) + " as number " + std::to_string(line.delivered));
    return;
  }
  ++line.ends_seen;
  if (std::holds_alternative<Error>(event.what)) Violate(line, "broke");
  bool by_client = line.closed || line.cut || !line.attached;
  if (!by_client && line.life == life_) Violate(line, "ended by itself");
  if (line.delivered != line.sent) Violate(line, "ended before all that was sent had been delivered");
}

void Lines::Send(object::ObjectSockets& sockets, uint64_t socket, Line& line, uint64_t number, uint64_t write) {
  if (line.closed_by_object || sockets.Tags(socket) == nullptr) return;  // It has ended meanwhile.
  ++line.emitted;
  sockets.Send(socket,
               Text("s:" + std::to_string(line.number) + ":" + std::to_string(number) + ":" + std::to_string(write)));
}

void Lines::Close(object::ObjectSockets& sockets, uint64_t socket, Line& line) {
  line.closed_by_object = true;
  sockets.Close(socket, 4001, "enough");
}

// --- The client's side

void Lines::Attach(uint64_t number, std::unique_ptr<WebSocketEnd> end) {
  Line& line = *lines_[number - 1];
  line.attached = true;
  clients_.push_back(std::make_unique<Client>(*this, line, std::move(end)));
  clients_.back()->end->SetReceiver(clients_.back().get());
}

void Lines::Talk() {
  if (clients_.empty()) return;
  Client& client = *clients_[random_.Below(clients_.size())];
  Line& line = client.line;
  if (!line.open() || client.end == nullptr) return;
  uint64_t what = random_.Below(24);
  if (what == 0) return client.Close();
  if (what == 1) {
    line.cut = true;
    return client.end.reset();
  }
  if (what < 6 && line.automatic) {
    ++line.pings;
    return client.Send("ping");
  }
  // Now and then more than an object takes at once.
  for (uint64_t left = what == 6 ? 70 : 1 + random_.Below(3); left > 0; --left) {
    client.Send("m:" + std::to_string(line.number) + ":" + std::to_string(++line.sent));
  }
}

void Lines::CheckEnd() {
  for (auto& each : lines_) {
    const Line& line = *each;
    if (line.life != life_) continue;
    if (line.closed && !line.cut && line.ends_heard == 0)
      Violate(line, "was closed by its client and never by its object");
    if (line.open()) {
      if (line.must_end) Violate(line, "is open after the reset of its object");
      if (line.closed_by_object) Violate(line, "was closed by its object, and its client knows nothing of it");
      if (line.delivered != line.sent) Violate(line, "is open and has lost a message to the object");
      if (line.heard != line.emitted) Violate(line, "is open and has lost a message to the client");
      if (line.pongs != line.pings) Violate(line, "is open and a ping had no answer");
    } else if (model_.quiet && !excused(line)) {
      if (line.ends_seen != 1)
        Violate(line, "has ended, and the object knows of " + std::to_string(line.ends_seen) + " ends");
    }
  }
}

}  // namespace limpet::sim
