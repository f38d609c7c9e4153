#include "cli/kv_bulk.h"

#include "cli/json_list.h"

namespace limpet::cli {
namespace {

constexpr int64_t kNoKey = 10009;

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

Result<Done> ExportPairs(Client& client, const std::string& path, const Terminal& terminal) {
  JsonList list(terminal);
  std::string cursor;
  do {
    LIMPET_TRY(ApiAnswer page, Get(client, path + "/keys?cursor=" + cursor));
    for (const Json& key : page.result.items()) {
      const std::string& name = key["name"].AsString();
      LIMPET_TRY(ApiAnswer value, client.Get(path + "/values/" + EscapeForUrl(name)));
      if (!value.success && value.code == kNoKey) continue;  // Deleted, or over, since it was listed.
      if (!value.success) return Refused(value);
      Json pair = Json().Set("key", name);
      if (IsUtf8(value.file)) {
        pair.Set("value", std::move(value.file));
      } else {
        pair.Set("value", ToBase64(value.file)).Set("base64", true);
      }
      for (const char* more : {"expiration", "metadata"}) {
        if (const Json* found = key.Find(more)) pair.Set(more, *found);
      }
      list.Add(pair);
    }
    cursor = page.info["cursor"].AsString();
  } while (!cursor.empty());
  list.End();
  return Done{};
}

}  // namespace limpet::cli
