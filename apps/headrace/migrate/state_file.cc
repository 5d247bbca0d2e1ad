#include "migrate/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace headrace::app {

namespace {

namespace json = boost::json;
using moving::BackfillProgress;

constexpr std::size_t state_bytes_max = 1 << 20;
constexpr std::int64_t format = 1;
constexpr std::array stage_names{"emptying", "copying", "copied"};
constexpr std::string_view hex_digits = "0123456789abcdef";

struct Count {
  const char* name;
  std::uint64_t BackfillProgress::* member;
};
constexpr std::array counts{Count{"listed", &BackfillProgress::listed},
                            Count{"copied", &BackfillProgress::copied},
                            Count{"there_already", &BackfillProgress::there_already},
                            Count{"gone", &BackfillProgress::gone},
                            Count{"unsettled", &BackfillProgress::unsettled},
                            Count{"left_out", &BackfillProgress::left_out},
                            Count{"later", &BackfillProgress::later}};

// A store's place in its list may be any bytes.
std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += hex_digits[byte >> 4];
    hex += hex_digits[byte & 15];
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::size_t high = hex_digits.find(hex[i]);
    const std::size_t low = hex_digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

json::object json_of(const MigrationState& state) {
  json::object progress{{"next", to_hex(state.progress.next)}};
  for (const Count& count : counts) progress[count.name] = state.progress.*count.member;
  json::array later;
  for (const StoreKey& key : state.progress.later_keys) later.emplace_back(to_hex(key.bytes()));
  progress["later_keys"] = std::move(later);
  return {{"headrace_migration", format},
          {"from", state.from},
          {"to", state.to},
          {"stage", stage_names[static_cast<std::size_t>(state.stage)]},
          {"progress", progress}};
}

std::optional<std::vector<StoreKey>> keys_of(const json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<StoreKey> keys;
  for (const json::value& one : value->as_array()) {
    const auto bytes = one.is_string() ? from_hex(one.as_string()) : std::nullopt;
    if (!bytes || bytes->size() != sizeof(StoreKey::words)) return std::nullopt;
    std::memcpy(keys.emplace_back().words, bytes->data(), bytes->size());
  }
  return keys;
}

// Nothing if anything is missing or is not what it should be.
std::optional<MigrationState> state_of(const json::value& value) {
  MigrationState state;
  const auto text = [](const json::value& in, const char* name) -> const json::string* {
    const json::value* found = in.is_object() ? in.as_object().if_contains(name) : nullptr;
    return found == nullptr ? nullptr : found->if_string();
  };
  const json::value* written =
      value.is_object() ? value.as_object().if_contains("headrace_migration") : nullptr;
  const json::value* progress =
      value.is_object() ? value.as_object().if_contains("progress") : nullptr;
  if (written == nullptr || !written->is_int64() || written->as_int64() != format) return {};
  const json::string* from = text(value, "from");
  const json::string* to = text(value, "to");
  const json::string* stage = text(value, "stage");
  const json::string* next = progress == nullptr ? nullptr : text(*progress, "next");
  if (from == nullptr || to == nullptr || stage == nullptr || next == nullptr) return {};
  const auto* const known = std::ranges::find(stage_names, std::string_view(*stage));
  auto at = from_hex(*next);
  if (known == stage_names.end() || !at) return {};
  state.from = *from;
  state.to = *to;
  state.stage = static_cast<MigrationState::Stage>(known - stage_names.begin());
  state.progress.next = std::move(*at);
  for (const Count& count : counts) {
    const json::value* found = progress->as_object().if_contains(count.name);
    if (found == nullptr || !found->is_int64() || found->as_int64() < 0) return {};
    state.progress.*count.member = static_cast<std::uint64_t>(found->as_int64());
  }
  auto later = keys_of(progress->as_object().if_contains("later_keys"));
  if (!later || later->size() > state.progress.later) return {};
  state.progress.later_keys = std::move(*later);
  state.progress.is_done = state.stage == MigrationState::Stage::copied;
  return state;
}

std::unexpected<Error> cannot_write(const std::string& path, int error) {
  return failure(Code::refused, fmt::format("the state file {} cannot be written: {}; name another "
                                            "place with --state",
                                            path, std::generic_category().message(error)));
}

// The file with its bytes on the disk, or why not.
int write_whole(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(file) != 0) error = errno;
  if (::close(file) != 0 && error == 0) error = errno;
  return error;
}

// A name is safe once its folder is.
int sync_folder(const std::string& path) {
  const std::string above = std::filesystem::path(path).parent_path().string();
  const int folder =
      ::open(above.empty() ? "." : above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const int error = ::fsync(folder) == 0 ? 0 : errno;
  ::close(folder);
  return error;
}

}  // namespace

Result<std::optional<MigrationState>> read_state(const std::string& path) {
  std::error_code fault;
  if (!std::filesystem::exists(path, fault) && !fault) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string bytes;
  if (in) {
    bytes.resize(state_bytes_max);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
  }
  boost::system::error_code wrong;
  const json::value value = json::parse(bytes, wrong);
  auto state = wrong ? std::nullopt : state_of(value);
  if (state) return state;
  return failure(Code::invalid_argument,
                 path +
                     " is not the state of a migration: name another file with --state, or "
                     "remove it to begin anew");
}

Result<std::optional<MigrationState>> read_state_of(const std::string& path,
                                                    const std::string& from,
                                                    const std::string& to) {
  auto state = read_state(path);
  if (!state || !*state || ((*state)->from == from && (*state)->to == to)) return state;
  return failure(Code::invalid_argument,
                 fmt::format("{} is the state of the migration from {} to {}, and this one is from "
                             "{} to {}: name another file with --state",
                             path, (*state)->from, (*state)->to, from, to));
}

Result<void> write_state(const std::string& path, const MigrationState& state) {
  const std::string beside = path + ".new";
  int error = write_whole(beside, json::serialize(json_of(state)) + "\n");
  if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) error = sync_folder(path);
  if (error != 0) return cannot_write(path, error);
  return {};
}

// Not of the state itself, whose name is taken by one file after the other.
Result<std::optional<StateLock>> StateLock::take(const std::string& path) {
  const std::string beside = path + ".lock";
  StateLock lock(::open(beside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (lock.file_ < 0) return cannot_write(beside, errno);
  if (::flock(lock.file_, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  return cannot_write(beside, errno);
}

StateLock::~StateLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace headrace::app
