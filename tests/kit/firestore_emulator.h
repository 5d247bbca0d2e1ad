// kit/firestore_emulator.h: Google's own Firestore emulator, in a process of its own.
//
// It comes with the google-cloud-cli; java runs it.  Where either is missing, start() says so, and
// tests skip with those words.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "headrace/result.h"
#include "kit/folder.h"
#include "kit/loopback_port.h"

namespace headrace::kit {

class FirestoreEmulator {
 public:
  // Starts one on a free port and waits until it answers.
  [[nodiscard]] static Result<std::unique_ptr<FirestoreEmulator>> start();
  // One for the whole program: that of FIRESTORE_EMULATOR_HOST, or one that is started at its first
  // use and stopped at its end; the same error each time if there can be none.
  [[nodiscard]] static Result<FirestoreEmulator*> shared();

  // Without a jar: one that others started.
  FirestoreEmulator(std::string jar, std::string address);
  ~FirestoreEmulator();
  FirestoreEmulator(const FirestoreEmulator&) = delete;
  FirestoreEmulator& operator=(const FirestoreEmulator&) = delete;

  // "127.0.0.1:8080"
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  // Forgets all documents of a project's first database.
  [[nodiscard]] bool clear(const std::string& project);
  // For one that start() made: ends the process at once, and all its connections with it; its data
  // is gone.
  void kill();
  // Starts it again on the same port.
  [[nodiscard]] Result<void> restart();

 private:
  [[nodiscard]] Result<void> launch();

  const std::string jar_;
  const std::string address_;
  TemporaryFolder folder_;
  std::optional<LoopbackPort> port_;  // Of one that start() made.
  pid_t process_ = 0;
};

}  // namespace headrace::kit
