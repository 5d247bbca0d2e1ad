// OBJECT and MEMORY: how a record is kept, in the words that Redis has for how it keeps one.
#include <algorithm>
#include <chrono>
#include <string>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

using Kind = Record::Kind;

// Where Redis itself changes from one encoding to the other.
constexpr std::size_t embedded_bytes_max = 44;
constexpr std::size_t packed_fields_max = 128;
constexpr std::size_t packed_bytes_max = 64;

std::string_view encoding_of(const Record& record) {
  if (record.kind == Kind::value) {
    if (wire::strict_integer(record.value)) return "int";
    return record.value.size() <= embedded_bytes_max ? "embstr" : "raw";
  }
  const bool is_packed =
      record.fields.size() <= packed_fields_max &&
      std::ranges::all_of(record.fields, [](const auto& field) {
        return field.first.size() <= packed_bytes_max && field.second.size() <= packed_bytes_max;
      });
  return is_packed ? "listpack" : "hashtable";
}

void encoding(Act& act) {
  const Record* record = act.find();
  if (record == nullptr) {
    act.out.null();
  } else {
    act.out.bulk(encoding_of(*record));
  }
}

void idletime(Act& act) {
  const Record* record = act.find();
  if (record == nullptr) {
    act.out.null();
    return;
  }
  const auto last = std::max(record->accessed, record->updated);
  const auto idle = std::chrono::floor<std::chrono::seconds>(act.now() - last);
  act.out.integer(std::max<std::int64_t>(idle.count(), 0));
}

void refcount(Act& act) {
  if (act.find() == nullptr) {
    act.out.null();
  } else {
    act.out.integer(1);
  }
}

void freq(Act& act) {
  if (act.find() == nullptr) {
    act.out.null();
    return;
  }
  act.out.error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

void usage(Act& act) {
  if (act.args.size() != 3) {
    const bool has_samples = act.args.size() == 5 && same_word(act.args[3], "samples");
    if (!has_samples) {
      act.out.error(syntax_error);
      return;
    }
    if (!act.integer(4)) return;
  }
  const Record* record = act.find();
  if (record == nullptr) {
    act.out.null();
  } else {
    act.out.integer(static_cast<std::int64_t>(charged_bytes(act.args[2], *record)));
  }
}

void doctor(Service&, Client&, Args, RespWriter& out) {
  out.verbatim("Records are kept on disk, and memory is a copy of them that has its own limit.");
}

constexpr KeyPlaces second{.first = 2, .last = 2, .step = 1};

constexpr Command table[] = {
    {"memory",
     -2,
     0,
     {},
     "server",
     "4.0.0",
     "A container for memory diagnostics commands.",
     Container{}},
    {"memory|doctor", 2, 0, {}, "server", "4.0.0", "Outputs a memory problems report.", doctor},
    {"memory|usage", -3, reads, second, "server", "4.0.0", "Estimates the memory usage of a key.",
     usage},
    {"object",
     -2,
     0,
     {},
     "generic",
     "2.2.3",
     "A container for object introspection commands.",
     Container{}},
    {"object|encoding", 3, reads, second, "generic", "2.2.3",
     "Returns the internal encoding of a Redis object.", encoding},
    {"object|freq", 3, reads, second, "generic", "4.0.0",
     "Returns the logarithmic access frequency counter of a Redis object.", freq},
    {"object|idletime", 3, reads, second, "generic", "2.2.3",
     "Returns the time since the last access to a Redis object.", idletime},
    {"object|refcount", 3, reads, second, "generic", "2.2.3",
     "Returns the reference count of a value of a key.", refcount},
};

}  // namespace

std::span<const Command> object_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
