#include "stores/embedded/readers.h"

#include <cstring>
#include <utility>

#include "embedded/database.h"
#include "stores/embedded/moment.h"
#include "stores/embedded/schema.h"
#include "stores/embedded/tables.h"
#include "wire/envelope.h"
#include "wire/key_text.h"

namespace headrace::embedded {

// A connection.  Its transaction is a snapshot: an envelope is never seen beside tokens that were
// renewed after it was voided.
class Readers::Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::string& path) {
    auto database = Database::open_for_reading(path);
    if (!database) return std::unexpected(database.error());
    auto reader = std::make_unique<Reader>();
    reader->database_ = std::move(*database);
    const std::pair<Statement*, std::string_view> all[] = {
        {&reader->begin_, "BEGIN"},
        {&reader->commit_, "COMMIT"},
        {&reader->slot_,
         "SELECT token, boot, written, written_wall, keeps, envelope FROM slots "
         "WHERE store_key = ?"},
        {&reader->watermark_, "SELECT token FROM watermarks WHERE id = ?"},
        {&reader->keys_,
         "SELECT store_key, boot, written, written_wall, keeps FROM slots "
         "WHERE store_key > ? ORDER BY store_key LIMIT ?"}};
    for (const auto& [statement, sql] : all) {
      auto prepared = reader->database_.prepare(sql);
      if (!prepared) return std::unexpected(prepared.error());
      *statement = std::move(*prepared);
    }
    return reader;
  }

  Result<Seen> look(const StoreKey& key, const std::vector<WatermarkId>& watermarks,
                    const Clock& clock, std::int64_t boot) {
    Seen seen;
    auto done = begin_.run();
    if (done) done = read_slot(key, clock, boot, seen.slot);
    if (done) done = read_watermarks(watermarks, seen);
    if (done) done = commit_.run();
    if (!done) {
      database_.roll_back();
      return std::unexpected(done.error());
    }
    return seen;
  }

  // One statement is one snapshot.  What has ended and was not swept yet is passed over.
  Result<Store::Page> list(const std::optional<StoreKey>& after, std::size_t keys_max,
                           const Clock& clock, std::int64_t boot) {
    const OpenRow open(keys_);
    keys_.bind(1, after ? after->bytes() : std::string_view());
    keys_.bind(2, static_cast<std::int64_t>(keys_max));
    Store::Page page;
    StoreKey last;
    std::size_t rows = 0;
    for (;;) {
      const auto row = keys_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      ++rows;
      const std::string_view bytes = keys_.blob(0);
      if (bytes.size() != sizeof last.words) continue;
      std::memcpy(last.words, bytes.data(), bytes.size());
      const Moment written{
          .boot = keys_.number(1), .instant = keys_.number(2), .wall = keys_.number(3)};
      const auto age = elapsed(written, Moment::read(clock, boot));
      if (age && *age < Duration(keys_.number(4))) page.keys.push_back(last);
    }
    if (rows == keys_max) page.next = text_of(last);
    return page;
  }

 private:
  Result<void> read_slot(const StoreKey& key, const Clock& clock, std::int64_t boot, Slot& slot) {
    const OpenRow open(slot_);
    const auto row = slot_.bind(1, key.bytes()).step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    const Token token = token_of(slot_.blob(0));
    const Moment written{
        .boot = slot_.number(1), .instant = slot_.number(2), .wall = slot_.number(3)};
    // The clock is read after the row, or a row just written would seem to come from the future.
    const auto age = elapsed(written, Moment::read(clock, boot));
    if (token.is_none() || !age || *age >= Duration(slot_.number(4))) return {};
    slot.token = token;
    auto envelope = decode(slot_.blob(5));
    slot.state = envelope && envelope->id == token ? Slot::State::held : Slot::State::damaged;
    if (slot.state == Slot::State::damaged) return {};
    slot.envelope = std::move(*envelope);
    slot.stored_for = *age;
    slot.kept_for = Duration(slot_.number(4)) - *age;
    return {};
  }

  Result<void> read_watermarks(const std::vector<WatermarkId>& watermarks, Seen& seen) {
    seen.slot.watermarks.reserve(watermarks.size());
    for (const WatermarkId& id : watermarks) {
      const OpenRow open(watermark_);
      const auto row = watermark_.bind(1, bytes_of(id)).step();
      if (!row) return std::unexpected(row.error());
      const Token token = *row ? token_of(watermark_.blob(0)) : Token{};
      if (token.is_none()) seen.missing.push_back(id);
      seen.slot.watermarks.push_back(token);
    }
    return {};
  }

  Database database_;
  Statement begin_, commit_, slot_, watermark_, keys_;
};

Readers::Readers(const Clock& clock, std::int64_t boot, Touched& touched)
    : clock_(clock), boot_(boot), touched_(touched) {}

Readers::~Readers() {
  close();
}

Result<std::unique_ptr<Readers>> Readers::open(const std::string& path, std::size_t readers_max,
                                               const Clock& clock, std::int64_t boot,
                                               Touched& touched) {
  auto readers = std::make_unique<Readers>(clock, boot, touched);
  for (std::size_t i = 0; i < readers_max; ++i) {
    auto reader = Reader::open(path);
    if (!reader) return std::unexpected(reader.error());
    readers->idle_.push_back(std::move(*reader));
  }
  return readers;
}

Result<Readers::Seen> Readers::look(const StoreKey& key, const std::vector<WatermarkId>& watermarks,
                                    Store::Payload payload) {
  auto reader = take();
  if (!reader) return failure(Code::closed, "the embedded store is closed");
  auto seen = reader->look(key, watermarks, clock_, boot_);
  give_back(std::move(reader));
  if (!seen) return seen;
  for (const WatermarkId& id : watermarks) touched_.touch(id);
  if (payload == Store::Payload::without) seen->slot.envelope.payload.clear();
  return seen;
}

Result<Store::Page> Readers::list(const std::optional<StoreKey>& after, std::size_t keys_max) {
  auto reader = take();
  if (!reader) return failure(Code::closed, "the embedded store is closed");
  auto page = reader->list(after, keys_max, clock_, boot_);
  give_back(std::move(reader));
  return page;
}

void Readers::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  returned_.notify_all();
  returned_.wait(lock, [this] { return busy_ == 0; });
  idle_.clear();
}

std::unique_ptr<Readers::Reader> Readers::take() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return closed_ || !idle_.empty(); });
  if (closed_) return nullptr;
  auto reader = std::move(idle_.back());
  idle_.pop_back();
  ++busy_;
  return reader;
}

void Readers::give_back(std::unique_ptr<Reader> reader) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(reader));
    --busy_;
  }
  returned_.notify_all();
}

}  // namespace headrace::embedded
