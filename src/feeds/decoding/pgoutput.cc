// As "Logical Replication Message Formats" in PostgreSQL's manual has them.  Of each message it is
// checked that its counts fit into what is there, before anything is made of them.
#include "feeds/decoding/pgoutput.h"

#include <utility>

#include "feeds/decoding/bytes_in.h"

namespace headrace::postgres::decoding {

namespace {

constexpr std::size_t truncated_max = 10'000;  // Tables of one TRUNCATE.

Message read_begin(BytesIn& in) {
  Begin begin;
  begin.commit = in.number<std::uint64_t>();
  begin.committed_at = static_cast<std::int64_t>(in.number<std::uint64_t>());
  begin.transaction = in.number<std::uint32_t>();
  return begin;
}

Message read_commit(BytesIn& in) {
  (void)in.number<std::uint8_t>();  // Flags, of which there are none.
  Commit commit;
  commit.commit = in.number<std::uint64_t>();
  commit.end = in.number<std::uint64_t>();
  (void)in.number<std::uint64_t>();  // When: as its Begin says.
  return commit;
}

std::optional<Message> read_relation(BytesIn& in) {
  Relation relation{.id = in.number<std::uint32_t>(), .schema = in.text(), .name = in.text()};
  (void)in.letter();  // The kind of its identity.
  const auto count = in.number<std::uint16_t>();
  if (count > columns_max) return std::nullopt;
  for (int i = 0; i < count && !in.has_failed(); ++i) {
    const bool is_identity = (in.number<std::uint8_t>() & 1U) != 0;
    relation.columns.push_back({.name = in.text(), .is_identity = is_identity});
    (void)in.number<std::uint64_t>();  // Its type, and that one's modifier.
  }
  return relation;
}

std::optional<Tuple> read_tuple(BytesIn& in) {
  const auto count = in.number<std::uint16_t>();
  if (count > columns_max) return std::nullopt;
  Tuple tuple;
  for (int i = 0; i < count; ++i) {
    switch (in.letter()) {
      case 'n': tuple.push_back({.kind = Value::Kind::null}); break;
      case 'u': tuple.push_back({.kind = Value::Kind::unchanged}); break;
      case 't': {
        const auto size = in.number<std::uint32_t>();
        tuple.push_back({.kind = Value::Kind::text, .text = in.raw(size)});
        break;
      }
      default: return std::nullopt;
    }
  }
  return tuple;
}

// An insert ('I'), an update ('U') or a delete ('D').
std::optional<Message> read_row(BytesIn& in, char kind) {
  RowChange change{.relation = in.number<std::uint32_t>(), .is_insert = kind == 'I'};
  char part = in.letter();
  if (kind != 'I' && (part == 'K' || part == 'O')) {
    auto values = read_tuple(in);
    if (!values) return std::nullopt;
    change.before = OldRow{.is_whole = part == 'O', .values = *std::move(values)};
    if (kind == 'D') return change;
    part = in.letter();
  }
  if (kind == 'D' || part != 'N') return std::nullopt;
  change.since = read_tuple(in);
  if (!change.since) return std::nullopt;
  return change;
}

std::optional<Message> read_truncate(BytesIn& in) {
  const auto count = in.number<std::uint32_t>();
  (void)in.number<std::uint8_t>();  // Whether it cascades, and restarts identities.
  if (count > truncated_max) return std::nullopt;
  Truncate truncate;
  for (std::uint32_t i = 0; i < count && !in.has_failed(); ++i) {
    truncate.relations.push_back(in.number<std::uint32_t>());
  }
  return truncate;
}

std::optional<Message> read(BytesIn& in) {
  const char kind = in.letter();
  switch (kind) {
    case 'B': return read_begin(in);
    case 'C': return read_commit(in);
    case 'R': return read_relation(in);
    case 'I':
    case 'U':
    case 'D': return read_row(in, kind);
    case 'T': return read_truncate(in);
    case 'O':
    case 'Y':
    case 'M': (void)in.rest(); return Other{};
    default: return std::nullopt;
  }
}

}  // namespace

Result<Message> read_message(std::string_view bytes) {
  BytesIn in(bytes);
  std::optional<Message> message = read(in);
  if (message && in.is_spent()) return *std::move(message);
  return failure(Code::damaged, "PostgreSQL sent a message that is none of pgoutput's, version 1");
}

}  // namespace headrace::postgres::decoding
