#include "kit/firestore_emulator.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "kit/eventually.h"

namespace headrace::kit {

namespace {

constexpr std::chrono::seconds start_within{60};
constexpr char folder_in_sdk[] = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar";
constexpr char main_class[] = "com.google.cloud.datastore.emulator.firestore.CloudFirestore";

std::string jar_path() {
  const char* const named = std::getenv("CLOUDSDK_ROOT_DIR");
  for (const char* sdk : {named == nullptr ? "" : named, "/usr/lib/google-cloud-sdk",
                          "/opt/google-cloud-sdk", "/google-cloud-sdk"}) {
    const auto path = std::filesystem::path(sdk) / folder_in_sdk;
    if (std::filesystem::exists(path)) return path.string();
  }
  return "";
}

bool has_java() {
  const char* const path = std::getenv("PATH");
  std::string left = path == nullptr ? "" : path;
  while (!left.empty()) {
    const std::string folder = left.substr(0, left.find(':'));
    left.erase(0, folder.size() + 1);
    if (::access((folder + "/java").c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Connects; -1 if nobody listens there.
int connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string port = address.substr(colon + 1);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.substr(0, colon).c_str(), port.c_str(), &wanted, &found) != 0) {
    return -1;
  }
  int connected = -1;
  for (const addrinfo* at = found; at != nullptr && connected < 0; at = at->ai_next) {
    connected = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(connected, at->ai_addr, at->ai_addrlen) == 0) break;
    ::close(connected);
    connected = -1;
  }
  ::freeaddrinfo(found);
  return connected;
}

// What the server answers, head and body; empty if it does not.
std::string ask(const std::string& address, const std::string& method, const std::string& target) {
  const int socket = connect_to(address);
  if (socket < 0) return "";
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string request = method + " " + target +
                              " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n";
  std::string answer;
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    std::array<char, 4096> room;
    ssize_t size = 0;
    while ((size = ::recv(socket, room.data(), room.size(), 0)) > 0) {
      answer.append(room.data(), static_cast<std::size_t>(size));
    }
  }
  ::close(socket);
  return answer;
}

bool is_ok(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 200");
}

}  // namespace

Result<std::unique_ptr<FirestoreEmulator>> FirestoreEmulator::start() {
  const std::string jar = jar_path();
  if (jar.empty()) {
    return failure(Code::source_unavailable,
                   "no Firestore emulator: install the google-cloud-cli with its component "
                   "cloud-firestore-emulator, or set CLOUDSDK_ROOT_DIR");
  }
  if (!has_java()) {
    return failure(Code::source_unavailable,
                   "no java for the Firestore emulator: install a Java runtime of version 11 or "
                   "later");
  }
  LoopbackPort port;
  auto emulator =
      std::make_unique<FirestoreEmulator>(jar, "127.0.0.1:" + std::to_string(port.number()));
  emulator->port_ = std::move(port);
  if (Result<void> launched = emulator->launch(); !launched) {
    return std::unexpected(std::move(launched.error()));
  }
  return emulator;
}

Result<FirestoreEmulator*> FirestoreEmulator::shared() {
  static const Result<std::unique_ptr<FirestoreEmulator>> one =
      []() -> Result<std::unique_ptr<FirestoreEmulator>> {
    const char* const there = std::getenv("FIRESTORE_EMULATOR_HOST");
    if (there == nullptr || *there == '\0') return start();
    if (is_ok(ask(there, "GET", "/"))) return std::make_unique<FirestoreEmulator>("", there);
    return failure(Code::source_unavailable,
                   std::string("FIRESTORE_EMULATOR_HOST is ") + there + ", which does not answer");
  }();
  if (!one) return std::unexpected(one.error());
  return one->get();
}

FirestoreEmulator::FirestoreEmulator(std::string jar, std::string address)
    : jar_(std::move(jar)), address_(std::move(address)) {}

FirestoreEmulator::~FirestoreEmulator() {
  kill();
}

Result<void> FirestoreEmulator::launch() {
  const std::string log = folder_.file("emulator.log");
  const std::string port = "--port=" + address_.substr(address_.rfind(':') + 1);
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (::chdir(folder_.path().c_str()) != 0) ::_exit(126);
    // The launcher of the google-cloud-cli is a script that would leave java behind.
    ::execlp("java", "java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", jar_.c_str(), main_class,
             "start", "--host=127.0.0.1", port.c_str(), nullptr);
    ::_exit(127);
  }
  const auto answers = [this] {
    constexpr int look_every_ms = 20;
    ::poll(nullptr, 0, look_every_ms);  // Java wants the processor more than we do.
    return is_ok(ask(address_, "GET", "/"));
  };
  if (eventually(answers, start_within)) return {};
  kill();
  std::ifstream said(log);
  return failure(Code::source_failed,  // One that is there and does not start is a fault.
                 "the Firestore emulator did not start: " +
                     std::string(std::istreambuf_iterator<char>(said), {}));
}

bool FirestoreEmulator::clear(const std::string& project) {
  return is_ok(ask(address_, "DELETE",
                   "/emulator/v1/projects/" + project + "/databases/(default)/documents"));
}

void FirestoreEmulator::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

Result<void> FirestoreEmulator::restart() {
  kill();
  return launch();
}

}  // namespace headrace::kit
