#include "cli/login.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "cli/cli.h"
#include "cli/client.h"

namespace limpet::cli {
namespace {

std::string ReadLine() {
  std::string line;
  std::getline(std::cin, line);
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  return line;
}

// A question on the terminal. `hidden`: what is typed is not shown.
enum class Echo : bool { kHidden, kShown };
std::string Ask(const std::string& question, Echo echo) {
  fputs(question.c_str(), stderr);
  fflush(stderr);
  termios before{};
  bool hide = echo == Echo::kHidden && tcgetattr(STDIN_FILENO, &before) == 0;
  if (hide) {
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line = ReadLine();
  if (hide) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
  }
  return line;
}

int Refuse(const Terminal& terminal, const std::string& text) {
  terminal.Error(text);
  return kExitRefused;
}

}  // namespace

int RunLogin(const Arguments& arguments, const Terminal& terminal) {
  constexpr char kUsual[] = "http://127.0.0.1:8788";
  bool people = isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
  std::string server = arguments.server;
  std::string token = arguments.token;
  if (server.empty() && people) {
    server = Ask(std::string("Server's admin address [") + kUsual + "]: ", Echo::kShown);
    if (server.empty()) server = kUsual;
  }
  if (server.empty()) return Refuse(terminal, "pass --server, the server's admin address: http://HOST:PORT");
  if (token.empty() && people) token = Ask("Its token (what its DATA_DIR/admin-token holds): ", Echo::kHidden);
  if (token == "-") token = ReadLine();
  if (token.empty()) return Refuse(terminal, "pass --token, or --token - and the token on standard input");
  if (!server.starts_with("http://") && !server.starts_with("https://")) {
    return Refuse(terminal, "\"" + server + "\" is no server address; write http://HOST:PORT");
  }
  while (server.ends_with('/')) server.pop_back();
  Result<std::unique_ptr<Client>> client = Client::Open({server, token});
  if (!client.has_value()) return Refuse(terminal, client.error().message());
  Result<ApiAnswer> answer = client.value()->Get("/user/tokens/verify");
  if (!answer.has_value()) return Refuse(terminal, answer.error().message());
  if (!answer->success) return Refuse(terminal, Refused(answer.value()).message());
  Result<std::string> kept = WriteLogin(arguments.profile, {server, token});
  if (!kept.has_value()) return Refuse(terminal, kept.error().message());
  std::string flag = arguments.profile.empty() ? "" : " with --profile " + arguments.profile;
  terminal.Info(terminal.Green("Logged in") + " to " + server + "; commands talk to it" + flag);
  terminal.Dim("kept in " + kept.value());
  return kExitOk;
}

int RunLogout(const Arguments& arguments, const Terminal& terminal) {
  Result<std::string> gone = RemoveLogin(arguments.profile);
  if (!gone.has_value()) return Refuse(terminal, gone.error().message());
  terminal.Info("Logged out: removed " + gone.value());
  return kExitOk;
}

}  // namespace limpet::cli
