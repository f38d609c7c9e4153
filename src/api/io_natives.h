// The tables of I/O natives, one per file.
#pragma once

#include <vector>

#include "js/isolate.h"

namespace limpet::api {

void AddEventNatives(std::vector<js::NativeFunction>& natives);      // io_events.cc
void AddFetchNatives(std::vector<js::NativeFunction>& natives);      // io_fetch.cc
void AddStateNatives(std::vector<js::NativeFunction>& natives);      // io_state.cc
void AddCryptoIoNatives(std::vector<js::NativeFunction>& natives);   // io_crypto.cc
void AddWebSocketNatives(std::vector<js::NativeFunction>& natives);  // io_websocket.cc
void AddStorageNatives(std::vector<js::NativeFunction>& natives);    // io_storage.cc

}  // namespace limpet::api
