#include "cli/kv_bulk.h"

#include <algorithm>

#include "cli/json_list.h"

namespace limpet::cli {
namespace {

constexpr int64_t kNoKey = 10009;
constexpr size_t kGetStep = 100;  // As many values as the API gives at once.

Result<ApiAnswer> Get(Client& client, const std::string& path) {
  LIMPET_TRY(ApiAnswer answer, client.Get(path));
  if (!answer.success) return Refused(answer);
  return answer;
}

}  // namespace

std::string ToBase64(BytesView bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) text += at + i <= bytes.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

Result<Json::Array> ReadPairs(const Json& content, const std::string& file) {
  if (content.is_array()) return content.items();
  if (!content.is_object()) {
    return Error(ErrorCode::kInvalidArgument,
                 file + " must hold a list [{\"key\", \"value\"}], or what \"kv bulk get\" prints");
  }
  Json::Array pairs;
  for (const auto& [key, value] : content.members()) {
    const Json& text = value.is_object() ? value["value"] : value;
    if (text.is_null()) continue;  // Such a key was asked for and is not there.
    if (!text.is_string()) {
      return Error(ErrorCode::kInvalidArgument, file + ": the value of \"" + key + "\" must be a text");
    }
    Json pair = Json().Set("key", key).Set("value", text);
    if (const Json& metadata = value["metadata"]; !metadata.is_null()) pair.Set("metadata", metadata);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

namespace {

// The pair of a key that was listed, as put takes it.
Json PairOf(const Json& key, Bytes value) {
  Json pair = Json().Set("key", key["name"]);
  if (IsUtf8(value)) {
    pair.Set("value", std::move(value));
  } else {
    pair.Set("value", ToBase64(value)).Set("base64", true);
  }
  for (const char* more : {"expiration", "metadata"}) {
    if (const Json* found = key.Find(more)) pair.Set(more, *found);
  }
  return pair;
}

// Of `keys`, one call each. What was deleted, or is over, since it was listed is left out.
Result<Done> ExportEach(Client& client, const std::string& path, const Json::Array& keys, JsonList& list) {
  for (const Json& key : keys) {
    LIMPET_TRY(ApiAnswer value, client.Get(path + "/values/" + EscapeForUrl(key["name"].AsString())));
    if (!value.success && value.code == kNoKey) continue;
    if (!value.success) return Refused(value);
    list.Add(PairOf(key, std::move(value.file)));
  }
  return Done{};
}

Result<Done> ExportKeys(Client& client, const std::string& path, const Json::Array& keys, JsonList& list) {
  Json::Array names;
  for (const Json& key : keys) names.push_back(key["name"]);
  LIMPET_TRY(ApiAnswer got, client.Call("POST", path + "/bulk/get", ToText(Json().Set("keys", Json(std::move(names)))),
                                        "application/json"));
  // Values that are no text, or too large together. What else is wrong will be wrong again.
  if (!got.success) return ExportEach(client, path, keys, list);
  for (const Json& key : keys) {
    const Json& value = got.result["values"][key["name"].AsString()];
    if (!value.is_null()) list.Add(PairOf(key, value.AsString()));
  }
  return Done{};
}

}  // namespace

Result<Done> ExportPairs(Client& client, const std::string& path, const Terminal& terminal) {
  JsonList list(terminal);
  std::string cursor;
  do {
    LIMPET_TRY(ApiAnswer page, Get(client, path + "/keys?cursor=" + cursor));
    const Json::Array& keys = page.result.items();
    for (size_t at = 0; at < keys.size(); at += kGetStep) {
      auto end = keys.begin() + static_cast<ptrdiff_t>(std::min(at + kGetStep, keys.size()));
      LIMPET_TRY([[maybe_unused]] Done done,
                 ExportKeys(client, path, Json::Array(keys.begin() + static_cast<ptrdiff_t>(at), end), list));
    }
    cursor = page.info["cursor"].AsString();
  } while (!cursor.empty());
  list.End();
  return Done{};
}

}  // namespace limpet::cli
