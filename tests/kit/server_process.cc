#include "kit/server_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "kit/eventually.h"

namespace headrace::kit {

namespace {

namespace fs = std::filesystem;

constexpr int look_every_ms = 3;

// What a file holds; empty if it is not there.  A process may end while its file in /proc is read,
// which must be no more than an end of the text.
std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The entries of a folder of /proc, as far as it lets itself be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ended;
  for (fs::directory_iterator at(folder, ended); !ended && at != fs::directory_iterator();
       at.increment(ended)) {
    found.push_back(at->path());
  }
  return found;
}

// The state and the parent of a process or a thread; '\0' if there is none.
struct Kinship {
  char state = '\0';
  pid_t parent = 0;
};

Kinship kinship_of(const fs::path& in_proc) {
  const std::string stat = text_of(in_proc / "stat");
  const std::size_t name_end = stat.rfind(')');  // The name before it may hold anything.
  Kinship found;
  if (name_end == std::string::npos) return found;
  std::istringstream(stat.substr(name_end + 1)) >> found.state >> found.parent;
  return found;
}

fs::path in_proc(pid_t process) {
  return fs::path("/proc") / std::to_string(process);
}

bool lives(pid_t process) {
  const char state = kinship_of(in_proc(process)).state;
  return state != '\0' && state != 'Z' && state != 'X';
}

// Whether no thread of it does anything.
bool stands_still(pid_t process) {
  for (const fs::path& thread : entries_of(in_proc(process) / "task")) {
    const char state = kinship_of(thread).state;
    if (state != 'T' && state != 'Z' && state != 'X' && state != '\0') return false;
  }
  return true;
}

// A stop takes effect when a thread is next scheduled; until then it might still answer.
void stop_all_of(pid_t process) {
  ::kill(process, SIGSTOP);
  if (!eventually([process] { return stands_still(process); })) {
    ADD_FAILURE() << "process " << process << " does not stand still";
  }
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const fs::path& entry : entries_of("/proc")) {
    const std::string name = entry.filename().string();
    pid_t process = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (bad == std::errc() && *end == '\0' && kinship_of(entry).parent == parent) {
      found.push_back(process);
    }
  }
  return found;
}

// What the child does between fork and exec must be safe although other threads held locks, so all
// that it needs is made before.
struct Child {
  std::vector<char*> command{};
  const char* folder = nullptr;
  const char* log = nullptr;
  const passwd* user = nullptr;
  pid_t parent = 0;

  [[noreturn]] void become() const {
    const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0u, 0);
    if (::chdir(folder) != 0) ::_exit(126);
    if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                            ::setuid(user->pw_uid) != 0)) {
      ::_exit(126);
    }
    // After the change of user, which would undo it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(125);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execv(command[0], command.data());
    ::_exit(127);
  }
};

}  // namespace

Result<std::string> find_server(std::string_view program, std::string_view from) {
  const fs::path unpacked(HEADRACE_SERVERS);
  std::error_code ignored;
  const fs::path starter = unpacked / "bin" / program;
  if (fs::exists(starter, ignored)) return starter.string();
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    fs::path installed = fs::path(folder) / program;
    if (::access(installed.c_str(), X_OK) == 0) return installed.string();
  }
  std::string why = text_of(unpacked / (std::string(from) + ".missing"));
  while (why.ends_with('\n')) why.pop_back();
  return failure(Code::source_unavailable,
                 "no " + std::string(program) + ": " + (why.empty() ? "run ./dev setup" : why));
}

Result<void> ServerProcess::start(Recipe recipe) {
  kill();
  recipe_ = std::move(recipe);
  return launch();
}

Result<void> ServerProcess::restart() {
  kill();
  return launch();
}

Result<void> ServerProcess::launch() {
  const std::string log = folder_.file("server.log");
  Child child{.folder = folder_.path().c_str(), .log = log.c_str(), .parent = ::getpid()};
  for (std::string& word : recipe_.command) child.command.push_back(word.data());
  child.command.push_back(nullptr);
  if (!recipe_.user.empty()) {
    child.user = ::getpwnam(recipe_.user.c_str());
    if (child.user == nullptr) {
      return failure(Code::source_unavailable, "no user " + recipe_.user + " for " + recipe_.name);
    }
  }
  const std::size_t said_before = said().size();
  process_ = ::fork();
  if (process_ == 0) child.become();
  const auto settled = [this] {
    if (!running() || recipe_.answers()) return true;
    ::poll(nullptr, 0, look_every_ms);  // The server wants the processor more than we do.
    return false;
  };
  // Asked once more whether it runs: it may be another server that answers.
  if (eventually(settled, recipe_.start_within) && running()) return {};
  kill();
  return failure(Code::source_failed,
                 recipe_.name + " did not start: " + said().substr(said_before));
}

bool ServerProcess::running() {
  if (process_ <= 0) return false;
  if (::waitpid(process_, nullptr, WNOHANG) == 0) return true;
  process_ = 0;
  return false;
}

void ServerProcess::kill() {
  if (process_ <= 0) return;
  freeze();  // So that it starts no more children meanwhile.
  const std::vector<pid_t> children = children_of(process_);
  signal_all(SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
  // They are no children of ours: whether anybody reaps them is not our concern.
  for (const pid_t each : children) {
    if (!eventually([each] { return !lives(each); })) ADD_FAILURE() << each << " does not die";
  }
}

Result<int> ServerProcess::stop(std::chrono::seconds within) {
  if (!running()) return failure(Code::closed, recipe_.name + " does not run");
  ::kill(process_, recipe_.stop_signal);
  thaw();
  int status = 0;
  const auto ended = [this, &status] {
    if (::waitpid(process_, &status, WNOHANG) == process_) return true;
    ::poll(nullptr, 0, look_every_ms);
    return false;
  };
  if (!eventually(ended, within)) {
    return failure(Code::timed_out, recipe_.name + " does not end: " + said());
  }
  process_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void ServerProcess::freeze() {
  if (process_ <= 0) return;
  stop_all_of(process_);  // First, so that no child is missed that it would still start.
  for (const pid_t each : children_of(process_)) stop_all_of(each);
}

void ServerProcess::thaw() {
  signal_all(SIGCONT);
}

void ServerProcess::signal_all(int signal) const {
  if (process_ <= 0) return;
  for (const pid_t each : children_of(process_)) ::kill(each, signal);
  ::kill(process_, signal);
}

std::string ServerProcess::said() const {
  return text_of(folder_.path() / "server.log");
}

}  // namespace headrace::kit
