// kit/json_origin.h: a real HTTP server in a process of its own: json_origin.py.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace headrace::kit {

class JsonOrigin {
 public:
  // With a certificate and its key, both in PEM files, it speaks HTTPS.
  explicit JsonOrigin(const std::string& certificate = {}, const std::string& key = {}) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) run(in[0], out[1], certificate, key);
    ::close(in[0]);
    ::close(out[1]);
    end_ = in[1];
    char digit = 0;
    while (::read(out[0], &digit, 1) == 1 && digit != '\n') port_ += digit;
    ::close(out[0]);
    if (port_.empty()) ADD_FAILURE() << "json_origin.py did not start";
  }
  ~JsonOrigin() { stop(); }
  JsonOrigin(const JsonOrigin&) = delete;
  JsonOrigin& operator=(const JsonOrigin&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + port_; }
  [[nodiscard]] const std::string& port() const noexcept { return port_; }
  // Ends the server, and all its connections with it.
  void stop() {
    if (process_ <= 0) return;
    ::close(end_);
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  [[noreturn]] static void run(int in, int out, const std::string& certificate,
                               const std::string& key) {
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    const char* script = HEADRACE_SOURCE_DIR "/tests/kit/json_origin.py";
    if (certificate.empty()) {
      ::execlp("python3", "python3", "-S", script, nullptr);
    } else {
      ::execlp("python3", "python3", "-S", script, certificate.c_str(), key.c_str(), nullptr);
    }
    ::_exit(127);
  }

  pid_t process_ = 0;
  int end_ = -1;  // The server ends when this is closed.
  std::string port_;
};

}  // namespace headrace::kit
