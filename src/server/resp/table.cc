#include "server/resp/table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "server/resp/act.h"
#include "server/resp/commands.h"

namespace headrace::resp {

namespace {

constexpr std::size_t name_bytes_max = 32;    // Of the longest name that there is, and more.
constexpr std::size_t shown_bytes_max = 128;  // Of what a client sent, in an error.

// A word of one to eight letters as a number, whatever their case; none: it is another.  Words of
// one length have different numbers, for a letter without its case bit is no other letter's; and
// what is no letter is never taken for one.
std::optional<std::uint64_t> letters_of(std::string_view word) noexcept {
  constexpr std::uint32_t case_bits = 0x20202020;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  if (word.size() >= sizeof first && word.size() <= 2 * sizeof first) {
    std::memcpy(&first, word.data(), sizeof first);
    std::memcpy(&last, word.data() + word.size() - sizeof last, sizeof last);
  } else if (!word.empty() && word.size() < sizeof first) {
    first = static_cast<unsigned char>(word.front());
    last = static_cast<std::uint32_t>(static_cast<unsigned char>(word[word.size() / 2])) |
           static_cast<std::uint32_t>(static_cast<unsigned char>(word.back())) << 8;
  } else {
    return std::nullopt;
  }
  return (std::uint64_t{first | case_bits} << 32) | (last | case_bits);
}

// Commands whose names are short words of letters, which nearly all that clients send are.
class ShortNames {
 public:
  void add(const Command& command) {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto letters = letters_of(command.name);
    if (!letters || !std::ranges::all_of(command.name, is_letter)) return;
    std::size_t at = place_of(*letters, command.name.size());
    while (places_[at].command != nullptr) at = (at + 1) % places_.size();
    places_[at] = {.letters = *letters, .command = &command};
  }
  [[nodiscard]] const Command* find(std::string_view word) const noexcept {
    const auto letters = letters_of(word);
    if (!letters) return nullptr;
    std::size_t at = place_of(*letters, word.size());
    for (; places_[at].command != nullptr; at = (at + 1) % places_.size()) {
      const Place& place = places_[at];
      if (place.letters == *letters && place.command->name.size() == word.size())
        return place.command;
    }
    return nullptr;
  }

 private:
  struct Place {
    std::uint64_t letters = 0;
    const Command* command = nullptr;
  };
  [[nodiscard]] static std::size_t place_of(std::uint64_t letters, std::size_t size) noexcept {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // Spreads numbers that are alike.
    return ((letters + size) * golden) >> 55;
  }
  std::array<Place, 512> places_{};  // Of 9 bits; mostly empty, so that most are found at once.
};

struct Table {
  Table() {
    for (const auto part :
         {string_commands(), number_commands(), key_commands(), object_commands(),
          expiry_commands(), hash_commands(), keyspace_commands(), connection_commands(),
          client_commands(), transaction_commands(), pubsub_commands(), server_commands(),
          command_commands(), engine_commands()}) {
      for (const Command& command : part) all.push_back(&command);
    }
    std::ranges::sort(all, {}, &Command::name);
    for (const Command* command : all) {
      by_name.emplace(command->name, command);
      short_names.add(*command);
    }
  }

  std::vector<const Command*> all;
  std::unordered_map<std::string_view, const Command*> by_name;
  ShortNames short_names;
};

const Table& table() {
  static const Table made;
  return made;
}

// A name in lower case, in a place of its own.
class Name {
 public:
  explicit Name(std::string_view name, std::string_view sub = {}) {
    add(name);
    if (sub.data() == nullptr) return;
    add("|");
    add(sub);
  }
  // Empty if it is longer than any that there is.
  [[nodiscard]] std::string_view view() const noexcept {
    return size_ <= name_bytes_max ? std::string_view(text_, size_) : std::string_view();
  }

 private:
  void add(std::string_view part) noexcept {
    for (const char c : part) {
      if (size_ < name_bytes_max)
        text_[size_] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | ' ') : c;
      ++size_;
    }
  }
  char text_[name_bytes_max] = {};
  std::size_t size_ = 0;
};

const Command* find(const Name& name) {
  const auto& by_name = table().by_name;
  const auto found = by_name.find(name.view());
  return found == by_name.end() ? nullptr : found->second;
}

std::string upper(std::string_view name) {
  std::string text(name);
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~' ') : c;
  });
  return text;
}

void help(Service&, Client&, Args args, RespWriter& out) {
  const std::string name = upper(args[0]);
  std::vector<std::string> lines{name +
                                 " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"};
  for (const Command* command : all_commands()) {
    const std::size_t bar = command->name.find('|');
    if (bar == std::string_view::npos || !same_word(command->name.substr(0, bar), args[0]))
      continue;
    lines.push_back(upper(command->name.substr(bar + 1)));
    lines.push_back("    " + std::string(command->summary));
  }
  lines.insert(lines.end(), {"HELP", "    Print this help."});
  out.array(lines.size());
  for (const std::string& line : lines) out.simple(line);
}

constexpr Command help_command{.name = "help", .arity = 2, .run = help};

std::string unknown(Args args) {
  std::string text = "ERR unknown command '";
  text += args[0].substr(0, shown_bytes_max);
  text += "', with args beginning with: ";
  std::string shown;
  for (std::size_t i = 1; i < args.size() && shown.size() < shown_bytes_max; ++i) {
    const std::size_t room = shown_bytes_max - shown.size();
    shown += '\'';
    shown += args[i].substr(0, room);
    shown += "' ";
  }
  return text + shown;
}

}  // namespace

const std::vector<const Command*>& all_commands() {
  return table().all;
}

const Command* find_command(std::string_view name) {
  return find(Name(name));
}

std::expected<const Command*, std::string> look_up(Args args) {
  const Command* command = table().short_names.find(args[0]);
  if (command == nullptr) command = find(Name(args[0]));
  // "client|id" as one word names no command.
  if (command == nullptr || args[0].contains('|')) return std::unexpected(unknown(args));
  if (command->is_container() && args.size() > 1) {
    command = same_word(args[1], "help") ? &help_command : find(Name(args[0], args[1]));
    if (command == nullptr) {
      return std::unexpected("ERR unknown subcommand '" +
                             std::string(args[1].substr(0, shown_bytes_max)) + "'. Try " +
                             upper(args[0]) + " HELP.");
    }
  }
  if (std::holds_alternative<Container>(command->run) || !command->takes(args.size())) {
    return std::unexpected(wrong_arity(command->name));
  }
  return command;
}

}  // namespace headrace::resp
