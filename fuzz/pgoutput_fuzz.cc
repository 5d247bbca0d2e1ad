// PostgreSQL's stream of its log: whatever the server sends is read, or refused, and what could be
// read can be told: as many changes as there is room for, of tables that have names.
#include "feeds/decoding/pgoutput.h"

#include <string>

#include "feeds/decoding/assembly.h"
#include "feeds/decoding/framing.h"
#include "input.h"

namespace headrace::fuzz {

namespace {

using namespace postgres::decoding;

constexpr std::size_t rows_max = 3;

void check(const Transaction& transaction) {
  std::size_t of_users = 0;
  for (const SourceChange& change : transaction.changes) {
    demand(change.database == "db", "a change is one of the database");
    demand(change.collection.contains('.'), "a table has a schema");
    if (change.collection == "public.users") ++of_users;
  }
  demand(of_users <= 2 * rows_max, "a row is two changes at most");
}

}  // namespace

// Messages, each behind a byte that says how long it is.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view left = text_of(bytes, size);
  (void)read_frame(left);
  Assembly assembly("db", rows_max);
  assembly.watch({{.oids = {7}, .collection = "public.users", .key = "id", .values = {"owner"}}});
  while (!left.empty()) {
    const auto length = static_cast<unsigned char>(left.front());
    const std::string_view one = left.substr(1, length);
    left.remove_prefix(1 + one.size());
    const Result<Message> message = read_message(one);
    if (!message) {
      demand(message.error().code == Code::damaged, "what is no message is damaged");
      continue;
    }
    const auto taken = assembly.take(*message);
    if (!taken) return 0;  // The stream is of no use any more.
    if (*taken) check(**taken);
  }
  return 0;
}

}  // namespace headrace::fuzz
