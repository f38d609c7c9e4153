// A map from the numbers of IoHost::next_number, for the one or two entries that a context mostly has: the first is
// kept inside, without an allocation, and the table of the others is made once there are any: an idle object has ten of
// these.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace limpet::api {

template <typename T>
class Numbered {
 public:
  // `number` is not 0 and not taken. The reference holds until the entry goes.
  template <typename... Args>
  T& Emplace(uint64_t number, Args&&... args) {
    if (first_number_ != 0) {
      if (rest_ == nullptr) rest_ = std::make_unique<Rest>();
      return rest_->try_emplace(number, std::forward<Args>(args)...).first->second;
    }
    first_number_ = number;
    return first_ = T(std::forward<Args>(args)...);
  }
  T* Find(uint64_t number) {
    if (number == 0) return nullptr;
    if (first_number_ == number) return &first_;
    if (rest_ == nullptr) return nullptr;
    auto found = rest_->find(number);
    return found == rest_->end() ? nullptr : &found->second;
  }
  bool Contains(uint64_t number) { return Find(number) != nullptr; }
  std::optional<T> Take(uint64_t number) {
    std::optional<T> taken;
    if (T* found = Find(number)) {
      taken.emplace(std::move(*found));
      Erase(number);
    }
    return taken;
  }
  bool Erase(uint64_t number) {
    if (number == 0) return false;
    if (first_number_ != number) return rest_ != nullptr && rest_->erase(number) > 0;
    // What the entry's end calls may look here again.
    T gone = std::exchange(first_, T());
    first_number_ = 0;
    return true;
  }
  bool Empty() const { return Size() == 0; }
  size_t Size() const { return (first_number_ != 0 ? 1 : 0) + (rest_ == nullptr ? 0 : rest_->size()); }
  void Clear() {
    if (Empty()) return;
    Numbered gone;  // What the entries' ends call may look here again.
    std::swap(gone, *this);
  }
  template <typename F>
  void Each(F&& visit) {
    if (first_number_ != 0) visit(first_number_, first_);
    if (rest_ == nullptr) return;
    for (auto& [number, entry] : *rest_) visit(number, entry);
  }

 private:
  using Rest = std::unordered_map<uint64_t, T>;

  uint64_t first_number_ = 0;  // 0: the place is free.
  T first_{};
  std::unique_ptr<Rest> rest_;
};

}  // namespace limpet::api
