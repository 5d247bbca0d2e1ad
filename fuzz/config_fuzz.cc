// The configuration file: any text is a configuration, or has faults that say where they are.
//
// The texts of Firestore questions, a language of their own, are read too where that source is
// built.
#include "config/config.h"

#include <algorithm>

#include "input.h"
#include "serve/firestore_texts.h"

namespace headrace::fuzz {

namespace {

using config::Config;
using config::ConfigError;
using config::Configured;

constexpr const char* path = "there-is-no-such-folder/headrace.toml";

void check_faults(const std::vector<ConfigError>& faults, std::string_view text) {
  const auto lines = std::ranges::count(text, '\n') + 1;
  demand(!faults.empty(), "what is refused has a fault");
  for (const ConfigError& fault : faults) {
    demand(fault.file == path, "a fault names the file");
    demand(fault.line >= 1 && fault.line <= lines, "a fault has a line of the text");
    demand(fault.column >= 1, "a fault has a column");
    demand(!fault.text.empty(), "a fault is told in words");
    demand(to_string(fault).contains(fault.text), "and printed with them");
  }
}

void check_sound(const Config& config) {
  demand(!config.listen.empty(), "a server listens somewhere");
  for (const config::Setting& setting : config.settings) {
    demand(!setting.key.empty() && !setting.origin.empty(), "a setting comes from somewhere");
  }
  for (const config::PolicyConfig& policy : config.policies) {
    demand(faults_of(policy.policy).empty(), "a policy that is taken is sound");
    demand(config.find_source(policy.source) != nullptr, "a policy has a source");
  }
}

bool are_equal(const Configured& a, const Configured& b) {
  if (a.has_value() != b.has_value()) return false;
  if (a) return a->policies == b->policies && a->settings.size() == b->settings.size();
  const auto same = [](const ConfigError& one, const ConfigError& other) {
    return to_string(one) == to_string(other);
  };
  return std::ranges::equal(a.error(), b.error(), same);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  const auto read = [text] { return config::read_config(text, path, {}, {}, app::faults_in); };
  const Configured configured = read();
  if (configured) {
    check_sound(*configured);
  } else {
    check_faults(configured.error(), text);
  }
  demand(are_equal(configured, read()), "one text always means the same");
  return 0;
}

}  // namespace headrace::fuzz
