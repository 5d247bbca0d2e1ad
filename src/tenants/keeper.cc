#include "tenants/keeper.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "tenants/book_records.h"

namespace headrace {

namespace {

constexpr std::size_t page_keys = 1024;

std::vector<RecordKey> only(RecordKey key) {
  std::vector<RecordKey> keys;
  keys.push_back(std::move(key));
  return keys;
}

// What a change makes of records; none: it is no more.
struct Write {
  RecordKey key;
  std::optional<Record> record;
};

std::vector<Write> writes_of(const Book& after, const BookChange& change, std::size_t events_max) {
  std::vector<Write> writes;
  writes.push_back({book_record_key(), record_of(after)});
  writes.push_back({event_record_key(change.event.number, events_max), record_of(change.event)});
  for (const Tenant& one : change.tenants) {
    writes.push_back({system_key(tenant_space, one.name), record_of(one)});
  }
  for (const TenantKey& one : change.keys) {
    writes.push_back({system_key(key_space, one.id), record_of(one)});
  }
  for (const std::string& id : change.removed) {
    writes.push_back({system_key(key_space, id), std::nullopt});
    writes.push_back({system_key(key_use_space, id), std::nullopt});
  }
  return writes;
}

}  // namespace

Task<Result<Keeper::Found>> Keeper::all_in(std::string_view space) {
  Found all;
  std::string from;
  do {
    auto listing = keyspace_.records().list(system_key(space, ""), from, page_keys);
    auto page = co_await std::move(listing);
    if (!page) co_return std::unexpected(std::move(page.error()));
    from = std::move(page->next);
    auto reading = keyspace_.read(page->keys, Keyspace::Access::does_not_count);
    auto found = co_await std::move(reading);
    if (!found) co_return std::unexpected(std::move(found.error()));
    for (std::size_t i = 0; i < page->keys.size(); ++i) {
      if ((*found)[i]) all.emplace_back(page->keys[i].key(), std::move((*found)[i]));
    }
  } while (!from.empty());
  co_return all;
}

Task<Result<Book>> Keeper::load_head() {
  auto reading = keyspace_.read(only(book_record_key()), Keyspace::Access::does_not_count);
  auto found = co_await std::move(reading);
  if (!found) co_return std::unexpected(std::move(found.error()));
  co_return read_book(found->front().get());
}

Task<Result<std::uint64_t>> Keeper::generation() {
  auto reading = load_head();
  const auto book = co_await std::move(reading);
  if (!book) co_return std::unexpected(book.error());
  co_return book->generation;
}

// All of the book; empty if it was changed meanwhile.
Task<Result<std::optional<Book>>> Keeper::load_body(Book book) {
  auto listing_tenants = all_in(tenant_space);
  const auto tenants = co_await std::move(listing_tenants);
  if (!tenants) co_return std::unexpected(tenants.error());
  auto listing_keys = all_in(key_space);
  const auto keys = co_await std::move(listing_keys);
  if (!keys) co_return std::unexpected(keys.error());
  auto looking = generation();
  const auto now = co_await std::move(looking);
  if (!now) co_return std::unexpected(now.error());
  if (*now != book.generation) co_return std::optional<Book>();
  for (const auto& [name, record] : *tenants) {
    auto tenant = read_tenant(name, *record);
    if (!tenant) co_return std::unexpected(std::move(tenant.error()));
    book.tenants.emplace(name, *std::move(tenant));
  }
  for (const auto& [id, record] : *keys) {
    auto key = read_key(id, *record);
    if (!key) co_return std::unexpected(std::move(key.error()));
    book.keys.emplace(id, *std::move(key));
  }
  co_return std::optional<Book>(std::move(book));
}

Task<Result<Keeper::BookRef>> Keeper::load() {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    auto reading = load_head();
    auto head = co_await std::move(reading);
    if (!head) co_return std::unexpected(std::move(head.error()));
    auto loading = load_body(*std::move(head));
    auto book = co_await std::move(loading);
    if (!book) co_return std::unexpected(std::move(book.error()));
    if (*book) co_return std::make_shared<const Book>(**std::move(book));
  }
  co_return failure(Code::store_unavailable, "the tenants change too fast to be read");
}

// False: the book has another generation than the one before `after`.
Task<Result<bool>> Keeper::write(Book after, BookChange change) {
  std::vector<Write> writes = writes_of(after, change, events_max_);
  std::vector<RecordKey> keys;
  keys.reserve(writes.size());
  for (const Write& one : writes) keys.push_back(one.key);
  const auto made = std::make_shared<bool>(false);
  Keyspace::Operation operation = [writes = std::move(writes), made,
                                   generation = after.generation](Workspace& work) {
    const Result<Book> head = read_book(work.find(0));
    *made = head && head->generation + 1 == generation;
    if (!*made) return false;
    for (std::size_t at = 0; at < writes.size(); ++at) {
      if (writes[at].record) {
        work.put(at, *writes[at].record);
      } else {
        work.remove(at);
      }
    }
    return true;
  };
  const Records::Ceiling none{};
  auto editing = keyspace_.edit(std::move(keys), std::move(operation), none);
  const auto left = co_await std::move(editing);
  if (!left) co_return std::unexpected(left.error());
  co_return *made;
}

Task<Result<Keeper::Made>> Keeper::change(BookRef known, Plan plan, Actor actor) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    if (!known) {
      auto loading = load();
      auto book = co_await std::move(loading);
      if (!book) co_return std::unexpected(std::move(book.error()));
      known = *std::move(book);
    }
    Result<std::optional<BookChange>> planned = plan(*known);
    if (!planned) co_return std::unexpected(std::move(planned.error()));
    if (!*planned) co_return Made{.book = std::move(known)};
    BookChange change = **std::move(planned);
    change.event.number = known->generation + 1;
    change.event.at = keyspace_.clock().wall_now();
    change.event.actor = actor;
    Book after = *known;
    after.make(change);
    auto writing = write(after, std::move(change));
    const auto written = co_await std::move(writing);
    if (!written) co_return std::unexpected(written.error());
    if (*written) {
      co_return Made{.book = std::make_shared<const Book>(std::move(after)), .did = true};
    }
    known.reset();
  }
  co_return failure(Code::refused, "others change the tenants all the time; try again");
}

Task<Result<std::vector<TenantEvent>>> Keeper::events() {
  auto listing = all_in(event_space);
  const auto found = co_await std::move(listing);
  if (!found) co_return std::unexpected(found.error());
  std::vector<TenantEvent> events;
  for (const auto& [slot, record] : *found) {
    auto event = read_event(*record);
    if (!event) co_return std::unexpected(std::move(event.error()));
    events.push_back(*std::move(event));
  }
  std::ranges::sort(events, std::ranges::greater(), &TenantEvent::number);
  co_return events;
}

Task<Result<void>> Keeper::write_uses(Uses uses) {
  assert(uses.size() <= uses_max);
  if (uses.empty()) co_return Result<void>();
  std::vector<RecordKey> keys;
  std::vector<WallTime> minutes;
  for (const auto& [id, minute] : uses) {
    keys.push_back(system_key(key_use_space, id));
    minutes.push_back(minute);
  }
  Keyspace::Operation operation = [minutes = std::move(minutes)](Workspace& work) {
    for (std::size_t at = 0; at < minutes.size(); ++at) {
      const Record* const had = work.find(at);
      const Result<WallTime> known = had == nullptr ? WallTime{} : read_use(*had);
      if (!known || *known < minutes[at]) work.put(at, record_of_use(minutes[at]));
    }
    return work.is_changed();
  };
  const Records::Ceiling none{};
  auto editing = keyspace_.edit(std::move(keys), std::move(operation), none);
  const auto left = co_await std::move(editing);
  if (!left) co_return std::unexpected(left.error());
  co_return Result<void>();
}

Task<Result<Keeper::Uses>> Keeper::uses(std::vector<std::string> ids) {
  Uses uses;
  for (std::size_t from = 0; from < ids.size(); from += page_keys) {
    std::vector<RecordKey> keys;
    for (std::size_t i = from; i < std::min(ids.size(), from + page_keys); ++i) {
      keys.push_back(system_key(key_use_space, ids[i]));
    }
    auto reading = keyspace_.read(std::move(keys), Keyspace::Access::does_not_count);
    const auto found = co_await std::move(reading);
    if (!found) co_return std::unexpected(found.error());
    for (std::size_t i = 0; i < found->size(); ++i) {
      if (!(*found)[i]) continue;
      const auto minute = read_use(*(*found)[i]);
      if (minute) uses.emplace(ids[from + i], *minute);
    }
  }
  co_return uses;
}

}  // namespace headrace
