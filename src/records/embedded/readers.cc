#include "records/embedded/readers.h"

#include <optional>
#include <utility>

#include "embedded/database.h"
#include "records/embedded/schema.h"
#include "records/embedded/tables.h"

namespace headrace::embedded_records {

using embedded::Database;
using embedded::OpenRow;
using embedded::Statement;

// A connection.  Each of its statements sees one commit and nothing of a later one.
class Readers::Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::string& path) {
    auto database = embedded::Database::open_for_reading(path);
    if (!database) return std::unexpected(database.error());
    auto reader = std::make_unique<Reader>();
    reader->database_ = std::move(*database);
    const std::pair<Statement*, std::string_view> all[] = {
        {&reader->find, select_record},
        {&reader->usage, select_usage},
        {&reader->keys_,
         "SELECT record_key FROM records WHERE record_key >= ? ORDER BY record_key LIMIT ?"},
        {&reader->ended_,
         "SELECT record_key FROM records WHERE expires <= ? ORDER BY expires LIMIT ?"}};
    for (const auto& [statement, sql] : all) {
      auto prepared = reader->database_.prepare(sql);
      if (!prepared) return std::unexpected(prepared.error());
      *statement = std::move(*prepared);
    }
    return reader;
  }

  // The keys from `first` on that begin with `prefix`; one more than asked for tells of a next
  // page.
  Result<Records::Page> list(std::string_view prefix, std::string_view first,
                             std::size_t keys_max) {
    const OpenRow open(keys_);
    keys_.bind(1, first).bind(2, static_cast<std::int64_t>(keys_max) + 1);
    Records::Page page;
    for (;;) {
      const auto row = keys_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row || !keys_.blob(0).starts_with(prefix)) return page;
      if (page.keys.size() == keys_max) {
        page.next = page.keys.back().bytes();
        return page;
      }
      auto key = RecordKey::parse(keys_.blob(0));
      if (!key) return std::unexpected(std::move(key.error()));
      page.keys.push_back(*std::move(key));
    }
  }

  Result<std::vector<RecordKey>> expired(WallTime at, std::size_t keys_max) {
    const OpenRow open(ended_);
    ended_.bind(1, at.time_since_epoch().count()).bind(2, static_cast<std::int64_t>(keys_max));
    std::vector<RecordKey> keys;
    for (;;) {
      const auto row = ended_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) return keys;
      auto key = RecordKey::parse(ended_.blob(0));
      if (!key) return std::unexpected(std::move(key.error()));
      keys.push_back(*std::move(key));
    }
  }

  Statement find, usage;

 private:
  Statement keys_, ended_;
  Database database_;  // Closed when its statements are gone.
};

// A connection for as long as somebody reads with it; none after close().
class Readers::Turn {
 public:
  explicit Turn(Readers& readers) : readers_(readers) {
    std::unique_lock lock(readers.mutex_);
    readers.returned_.wait(lock, [&] { return readers.closed_ || !readers.idle_.empty(); });
    if (readers.closed_) return;
    reader_ = std::move(readers.idle_.back());
    readers.idle_.pop_back();
    ++readers.busy_;
  }
  ~Turn() {
    if (!reader_) return;
    {
      const std::lock_guard lock(readers_.mutex_);
      readers_.idle_.push_back(std::move(reader_));
      --readers_.busy_;
    }
    readers_.returned_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  [[nodiscard]] bool is_closed() const noexcept { return reader_ == nullptr; }
  [[nodiscard]] static std::unexpected<Error> closed() {
    return failure(Code::closed, "the records are closed");
  }
  Reader* operator->() const noexcept { return reader_.get(); }

 private:
  Readers& readers_;
  std::unique_ptr<Reader> reader_;
};

Readers::Readers(const Seams& seams, Front& front) : seams_(seams), front_(front) {}

Readers::~Readers() {
  close();
}

Result<std::unique_ptr<Readers>> Readers::open(const std::string& path, std::size_t readers_max,
                                               const Seams& seams, Front& front) {
  auto readers = std::make_unique<Readers>(seams, front);
  for (std::size_t i = 0; i < readers_max; ++i) {
    auto reader = Reader::open(path);
    if (!reader) return std::unexpected(reader.error());
    readers->idle_.push_back(std::move(*reader));
  }
  return readers;
}

Result<std::vector<RecordRef>> Readers::read(const std::vector<RecordKey>& keys) {
  std::optional<Turn> turn;  // When it is needed: memory waits for nobody.
  std::vector<RecordRef> records;
  records.reserve(keys.size());
  for (const RecordKey& key : keys) {
    KeptRef kept = front_.find(key.bytes());
    if (!kept) {
      if (!turn) turn.emplace(*this);
      if (turn->is_closed()) return Turn::closed();
      const Front::Ticket ticket = front_.ticket(key.bytes());
      auto found = read_one((*turn)->find, key.bytes());
      if (!found) return std::unexpected(std::move(found.error()));
      if (seams_.after_read) seams_.after_read();
      kept = *std::move(found);
      front_.fill(kept, ticket);
    }
    records.push_back(record_of(std::move(kept)));
  }
  return records;
}

Result<Records::Page> Readers::list(const RecordKey& prefix, const std::string& from,
                                    std::size_t keys_max) {
  const Turn turn(*this);
  if (turn.is_closed()) return Turn::closed();
  // What stands directly behind a key is the key and a zero byte.
  const std::string first = from.empty() ? std::string(prefix.bytes()) : from + '\0';
  return turn->list(prefix.bytes(), first, keys_max);
}

Result<std::vector<RecordKey>> Readers::expired(WallTime at, std::size_t keys_max) {
  const Turn turn(*this);
  if (turn.is_closed()) return Turn::closed();
  return turn->expired(at, keys_max);
}

Result<Records::Usage> Readers::usage(TenantId tenant) {
  const Turn turn(*this);
  if (turn.is_closed()) return Turn::closed();
  return read_usage(turn->usage, tenant);
}

void Readers::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  returned_.notify_all();
  returned_.wait(lock, [this] { return busy_ == 0; });
  idle_.clear();
}

}  // namespace headrace::embedded_records
