// kit/steady.h: a connection that is opened when it is first needed, and anew when it was lost.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "headrace/result.h"

namespace headrace::kit {

template <class Client>
class Steady {
 public:
  // What `ask` is told of the client that `open` gives; "!what" if that comes to nothing.
  template <class Open, class Ask>
  std::string ask(const Open& open, const Ask& ask) {
    constexpr int tries = 2;  // The connection may have died with the server that was restarted.
    std::string fault;
    for (int i = 0; i < tries; ++i) {
      const bool was_open = client_.has_value();
      if (!was_open) {
        Result<Client> made = open();
        if (!made) return "!" + made.error().what;
        client_.emplace(std::move(*made));
      }
      Result<std::string> said = ask(*client_);
      if (said) return *std::move(said);
      fault = said.error().what;
      const bool again = was_open && said.error().code != Code::timed_out;
      client_.reset();
      if (!again) break;
    }
    return "!" + fault;
  }
  void close() { client_.reset(); }

 private:
  std::optional<Client> client_;
};

}  // namespace headrace::kit
