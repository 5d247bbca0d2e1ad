// embedded/tables.h: what can be written, as prepared statements inside one transaction at a time.
//
// Threads:   the writer's alone.
// Errors:    as Database.  After one, roll_back() and begin() again.
// Lifetimes: owns its connection.  Borrows `touched`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/floor_table.h"
#include "embedded/database.h"
#include "headrace/key.h"
#include "headrace/result.h"
#include "headrace/token.h"
#include "stores/embedded/guards.h"
#include "stores/embedded/moment.h"
#include "stores/embedded/touched.h"

namespace headrace::embedded {

inline constexpr std::size_t token_bytes = 16;

template <class Pair>
[[nodiscard]] std::string_view bytes_of(const Pair& pair) noexcept {
  static_assert(sizeof(Pair) == token_bytes);
  return {reinterpret_cast<const char*>(&pair), sizeof pair};
}
// None if `bytes` are not those of a token.
[[nodiscard]] Token token_of(std::string_view bytes) noexcept;

// What stands in a slot.
struct Row {
  Token token{};
  std::string envelope{};
  Moment written{};
  Duration keep_for{0};

  [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(StoreKey) + envelope.size(); }
};

// When a guard or a floor ends: at an instant of a boot, and in any other boot after what it had to
// go.
struct Ending {
  std::int64_t boot = 0;
  std::int64_t instant = 0;
  Duration lasts{0};
};

class Tables {
 public:
  struct Totals {
    std::int64_t entries = 0;
    std::int64_t bytes = 0;
    std::int64_t watermarks = 0;
    std::int64_t floors = 0;
  };
  enum class Sync : std::uint8_t { crash, power };  // What a commit survives.

  [[nodiscard]] static Result<Tables> open(Database database, Touched& touched);

  [[nodiscard]] Result<void> begin(Sync sync);
  [[nodiscard]] Result<void> commit();
  void roll_back() noexcept;
  void checkpoint_if_due() noexcept;
  // Nothing else may be called afterwards, but totals().
  void close() noexcept;

  // Whether the slot holds a live envelope with this token.
  [[nodiscard]] Result<bool> holds(const StoreKey& key, Token token, const Moment& now);
  [[nodiscard]] Result<void> erase(const StoreKey& key);
  [[nodiscard]] Result<void> replace(const StoreKey& key, const Row& row);
  [[nodiscard]] Result<void> renew(WatermarkId id, Token token);
  [[nodiscard]] Result<void> ensure(WatermarkId id, Token token);
  // A guard that ends in `lasts` from now at the latest; in place of what it was.
  [[nodiscard]] Result<void> guard(const StoreKey& key, Token guard, const Ending& end);
  [[nodiscard]] Result<void> unguard(const StoreKey& key, Token guard);
  // A floor that ends in `end.lasts` from now, as the newest of its key; the oldest may go for it.
  [[nodiscard]] Result<void> raise(const StoreKey& key, std::string_view revision, Ending end);
  // Tells `guards` and `floors` of all that are in the file, and dates those of other boots anew.
  [[nodiscard]] Result<void> load(Guards& guards, FloorTable& floors, const Moment& now);

  // Each removes up to `rows_max` rows and says how many went.
  [[nodiscard]] Result<std::size_t> sweep(std::int64_t wall_now, std::size_t rows_max);
  [[nodiscard]] Result<std::size_t> sweep_guards(const Moment& now, std::size_t rows_max);
  [[nodiscard]] Result<std::size_t> sweep_floors(const Moment& now, std::size_t rows_max);
  // In the place of all that go there is one, of every key and without a name.
  [[nodiscard]] Result<std::size_t> evict_floors(std::int64_t count_max, std::size_t rows_max);
  [[nodiscard]] Result<std::size_t> evict_slots(std::int64_t bytes_max, std::size_t rows_max);
  [[nodiscard]] Result<std::size_t> evict_watermarks(std::int64_t count_max, std::size_t rows_max);

  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }

 private:
  Tables() = default;
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> count();
  [[nodiscard]] Result<std::size_t> remove_slots(Statement& statement);
  [[nodiscard]] Result<std::optional<Ending>> take_floor(Statement& statement);
  [[nodiscard]] Result<std::size_t> remove_floors(Statement& statement);
  [[nodiscard]] Result<void> evict_watermark();
  static bool date_anew(Ending& end, Duration lasts_max, const Moment& now);
  struct GuardRow;
  [[nodiscard]] Result<std::vector<GuardRow>> guard_rows();
  [[nodiscard]] Result<void> load_guards(Guards& guards, const Moment& now);
  [[nodiscard]] Result<void> rewrite(const std::vector<GuardRow>& rows);
  struct FloorRow;
  [[nodiscard]] Result<std::vector<FloorRow>> floor_rows();
  [[nodiscard]] Result<void> load_floors(FloorTable& floors, const Moment& now);
  [[nodiscard]] Result<void> rewrite(const std::vector<FloorRow>& rows);

  Database database_;
  Touched* touched_ = nullptr;
  Statement begin_, commit_, mark_durable_, find_, erase_, insert_, sweep_, evict_;
  Statement move_watermark_, erase_watermark_, insert_watermark_, oldest_watermark_,
      evict_watermark_;
  Statement insert_guard_, erase_guard_, sweep_guards_;
  Statement erase_floor_, insert_floor_, crowd_out_floors_, sweep_floors_, evict_floor_;
  Totals totals_{};
  Totals committed_{};
  Sync sync_ = Sync::crash;
  std::unique_ptr<int> log_pages_;  // Of the log after the last commit; SQLite's hook writes it.
};

}  // namespace headrace::embedded
