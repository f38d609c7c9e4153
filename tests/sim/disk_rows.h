// The rows of an object's SQL database as they are on disk, read past everything of ours but the pages.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.h"
#include "store/image.h"

namespace limpet::sim {

// A state of an object: its pairs, and under names of their own (model.h) its alarm and its rows.
using Pairs = std::map<std::string, std::string>;

// A value as states have it: long ones by their hash.
std::string Short(const std::string& value);

class DiskRows {
 public:
  // As a state has them. A database that can't be read is a state that never was. Valid until the next call.
  const Pairs& Of(const store::Image& image, const ObjectId& object);
  // What SQLite's own check finds wrong with the database; nothing if it is whole or there is none.
  std::string Damage(const store::Image& image, const ObjectId& object) const;

 private:
  struct Known {
    uint64_t commit = 0;  // Of the object, when the pages were looked at.
    size_t pages = 0;     // A hash of them.
    Pairs rows;
  };
  std::map<ObjectId, Known> known_;
};

}  // namespace limpet::sim
