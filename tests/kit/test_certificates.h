// kit/test_certificates.h: an authority of a test's own, and what it vouches for, in files.
//
// All are made anew each time and hold for a day.
#pragma once

#include <string>

#include "kit/folder.h"

namespace headrace::kit {

struct TestCertificates {
  // Writes the files into the folder, each with `prefix` before its name.
  explicit TestCertificates(const TemporaryFolder& folder, const std::string& prefix = "");

  std::string authority_file{};  // Whom clients and servers have to trust.
  std::string server_file{};     // For localhost and 127.0.0.1.
  std::string server_key_file{};
  std::string client_file{};  // For "headrace-test", where a server wants to know its clients.
  std::string client_key_file{};
};

}  // namespace headrace::kit
