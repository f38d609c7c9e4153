// The two ends of the streaming load, made so that they cost next to nothing themselves: what they send comes from a
// file in memory by sendfile(), what they receive the kernel throws away (MSG_TRUNC).
//   stream_peer serve
//     Prints its port. "GET /N" is answered with N bytes, a POST with a length when all of it was thrown away,
//     "POST /N" with N bytes meanwhile.
//   stream_peer relay UPSTREAM
//     The least that a server between the two can do, and no HTTP: bytes go from socket to socket through a pipe of the
//     kernel. Prints its port. A GET is sent on to port UPSTREAM as it is, and so is "POST /0"; "POST /N" is an echo.
//   stream_peer load PORT HOST PATH UP DOWN [K]
//     Sends UP bytes (0: a GET), expects at least DOWN bytes of body; prints the seconds it took and those of its own
//     CPU time. K: takes at most K KiB a millisecond.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr size_t kPieceBytes = 1 << 20;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int SourceFile() {
  static const int file = [] {
    int made = memfd_create("source", 0);
    std::string piece(kPieceBytes, 'x');
    if (made < 0 || write(made, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) Die("memfd");
    return made;
  }();
  return file;
}

// False: the other side takes no more.
bool SendBytes(int socket, uint64_t left) {
  while (left > 0) {
    off_t from = 0;
    ssize_t sent = sendfile(socket, SourceFile(), &from, std::min<uint64_t>(left, kPieceBytes));
    if (sent <= 0) return false;
    left -= static_cast<uint64_t>(sent);
  }
  return true;
}

// Throws away `left` bytes, or all there are. How many came.
uint64_t Discard(int socket, uint64_t left, size_t kib_per_ms) {
  uint64_t got = 0;
  while (left > 0) {
    ssize_t count =
        recv(socket, nullptr, std::min<uint64_t>(left, kib_per_ms ? kib_per_ms * 1024 : kPieceBytes), MSG_TRUNC);
    if (count <= 0) break;
    got += static_cast<uint64_t>(count);
    left -= static_cast<uint64_t>(count);
    if (kib_per_ms > 0) usleep(1000);
  }
  return got;
}

// Reads a head; `extra` is how many bytes of the body came with it. Empty: the connection ended.
std::string ReadHead(int socket, uint64_t& extra) {
  std::string text;
  char piece[4096];
  while (true) {
    ssize_t count = recv(socket, piece, sizeof piece, 0);
    if (count <= 0) return "";
    text.append(piece, static_cast<size_t>(count));
    if (size_t end = text.find("\r\n\r\n"); end != std::string::npos) {
      extra = text.size() - (end + 4);
      return text.substr(0, end + 4);
    }
  }
}

sockaddr_in Local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// One whose end costs little: BBR, the default of some machines, sends by timers.
int Socket() {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) != 0) Die("TCP_CONGESTION");
  return socket;
}

int Connect(int port) {
  int socket = Socket();
  sockaddr_in address = Local(port);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("connect");
  return socket;
}

// The length that a head announces; 0 if none.
uint64_t Length(const std::string& head) {
  size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoull(head.c_str() + at + 16, nullptr, 10);
}

void Answer(int socket) {
  uint64_t extra = 0;
  for (std::string head; !(head = ReadHead(socket, extra)).empty();) {
    size_t slash = head.find('/');
    bool post = head.starts_with("POST");
    uint64_t bytes = std::strtoull(head.c_str() + slash + 1, nullptr, 10);
    if (post && bytes == 0 && Length(head) > 0) {
      Discard(socket, Length(head) - extra, 0);
      post = false;
    }
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
    std::thread reader;
    if (post) reader = std::thread([=] { Discard(socket, bytes - extra, 0); });
    bool sent = send(socket, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_MORE) > 0 && SendBytes(socket, bytes);
    if (post) reader.join();
    if (!sent || post || head.find("Connection: close") != std::string::npos) break;
  }
  close(socket);
}

// What goes through `pipe` from one socket into the other: `left` bytes, or all there are.
void Move(int from, int to, uint64_t left, const int (&pipe)[2]) {
  while (left > 0) {
    ssize_t held = splice(from, nullptr, pipe[1], nullptr, std::min<uint64_t>(left, kPieceBytes), SPLICE_F_MOVE);
    if (held <= 0) return;
    left -= static_cast<uint64_t>(held);
    while (held > 0) {
      ssize_t sent = splice(pipe[0], nullptr, to, nullptr, static_cast<size_t>(held), SPLICE_F_MOVE);
      if (sent <= 0) return;
      held -= sent;
    }
  }
}

void Relay(int socket, int upstream_port) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0 || fcntl(pipe[1], F_SETPIPE_SZ, kPieceBytes) < 0) Die("pipe");
  uint64_t extra = 0;
  std::string head = ReadHead(socket, extra);
  uint64_t bytes = std::strtoull(head.c_str() + head.find('/') + 1, nullptr, 10);
  std::string begun(extra, 'x');  // What came with the head; nobody looks at it.
  bool post = head.starts_with("POST");
  if (post && bytes > 0) {
    begun = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" + begun;
    send(socket, begun.data(), begun.size(), MSG_NOSIGNAL);
    Move(socket, socket, bytes - extra, pipe);
  } else {
    int upstream = Connect(upstream_port);
    begun = head + begun;
    send(upstream, begun.data(), begun.size(), MSG_NOSIGNAL);
    if (post) Move(socket, upstream, Length(head) - extra, pipe);
    Move(upstream, socket, UINT64_MAX, pipe);
    close(upstream);
  }
  close(pipe[0]);
  close(pipe[1]);
  close(socket);
}

// `answer` has a thread for each connection.
template <typename Function>
int Serve(Function answer) {
  int listener = Socket();
  sockaddr_in address = Local(0);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 64) != 0) Die("listen");
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {
    int socket = accept(listener, nullptr, nullptr);
    if (socket >= 0) std::thread(answer, socket).detach();
  }
}

int Load(int port, const std::string& host, const std::string& path, uint64_t up, uint64_t down, size_t kib_per_ms) {
  int socket = Connect(port);
  std::string head = (up > 0 ? "POST " : "GET ") + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n";
  if (up > 0) head += "Content-Length: " + std::to_string(up) + "\r\n";
  head += "\r\n";

  auto start = std::chrono::steady_clock::now();
  if (send(socket, head.data(), head.size(), MSG_NOSIGNAL) < 0) Die("send");
  std::thread sender([=] { SendBytes(socket, up); });
  uint64_t extra = 0;
  std::string answer = ReadHead(socket, extra);
  uint64_t got = extra + Discard(socket, UINT64_MAX, kib_per_ms);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  shutdown(socket, SHUT_RDWR);  // A sender that still waits gives up.
  sender.join();
  if (!answer.starts_with("HTTP/1.1 200") || got < down) {
    std::fprintf(stderr, "%llu bytes after %s", static_cast<unsigned long long>(got), answer.c_str());
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  std::printf("%.6f %.6f\n", took.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  signal(SIGPIPE, SIG_IGN);
  if (count == 2 && std::strcmp(arguments[1], "serve") == 0) return Serve(Answer);
  if (count == 3 && std::strcmp(arguments[1], "relay") == 0)
    return Serve([port = std::atoi(arguments[2])](int socket) { Relay(socket, port); });
  if (count < 7 || std::strcmp(arguments[1], "load") != 0)
    return std::fputs("see the head of stream_peer.cc\n", stderr), 2;
  return Load(std::atoi(arguments[2]), arguments[3], arguments[4], std::strtoull(arguments[5], nullptr, 10),
              std::strtoull(arguments[6], nullptr, 10), count > 7 ? std::strtoull(arguments[7], nullptr, 10) : 0);
}
