// A part's revision is a digest over the rows, its slots, that headrace.revision has of it.  Each
// transaction that changes the part renews one slot that nobody else holds, or adds one: so writers
// never wait for each other, and slots are about as many as there ever were writers at once.  When
// a transaction's changes become visible so does its slot, whatever the order of commits, for both
// are rows that it wrote; and the newest slot's random revision has been in no digest before.
//
// A slot remembers who renewed it, so that each transaction does it once.  It is named by its
// number and its start, for a restored database counts transactions anew.  What a savepoint takes
// back is taken back here too, and then done again.
//
// A transaction under REPEATABLE READ may not renew what was changed since its snapshot, and adds a
// slot instead.  Under SERIALIZABLE it does so always, and reads nothing: what it read here would
// make it fail with its neighbours.  Slots that are too many are taken away now and then.
//
// Only a plain scan of the index marks entries of slots that are gone, for the next one to pass
// over; so the others are switched off, or each look would take longer until the next VACUUM.
//
// Values are told apart by a hash.  Two of one hash change together, which costs and breaks
// nothing.
//
// In the digest is also what the catalog says of the tables and triggers: their versions change
// when a trigger was off for a while, and when a table was made anew or got other columns.
#include "sources/postgres/revision_sql.h"

namespace headrace::postgres {

namespace {

constexpr std::string_view tables = R"(CREATE SCHEMA headrace;
CREATE TABLE headrace.part (
  name text,
  "column" text,
  identity uuid NOT NULL DEFAULT gen_random_uuid(),
  PRIMARY KEY (name, "column"));
CREATE TABLE headrace.revision (
  part bigint,
  slot text,
  revision uuid NOT NULL DEFAULT gen_random_uuid(),
  changed_by text NOT NULL,
  PRIMARY KEY (part, slot)) WITH (fillfactor = 50);
)";

// Who writes a table needs no right to any of these: triggers call them as their owner.
constexpr RevisionFunction functions[] = {
    {.name = "key",
     .head = R"((part text, "column" text, value text) RETURNS bigint LANGUAGE sql STABLE)",
     .body = R"(
  SELECT pg_catalog.hashtextextended(
    ARRAY[part, "column", value]::pg_catalog.text COLLATE pg_catalog."C", 0)
)"},
    {.name = "spelled",
     .head = R"((type oid, value text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO' SET TimeZone = 'UTC')",
     .body = R"(
DECLARE
  spelling text;
BEGIN
  EXECUTE pg_catalog.format('SELECT format(''%%s'', $1::%s)', format_type(type, -1))
  INTO spelling USING value;
  RETURN spelling;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  RETURN value;
END
)"},
    {.name = "take",
     .head = R"((touched bigint, writer text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_bitmapscan = off SET enable_seqscan = off)",
     .body = R"(
BEGIN
  UPDATE headrace.revision SET revision = gen_random_uuid(), changed_by = writer
  WHERE part = touched AND slot = (
    SELECT slot FROM headrace.revision WHERE part = touched
    ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED);
  RETURN FOUND;
END
)"},
    {.name = "trim",
     .head = R"((touched bigint, writer text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_bitmapscan = off SET enable_seqscan = off)",
     .body = R"(
DECLARE
  slots_max CONSTANT integer := 64;
BEGIN
  DELETE FROM headrace.revision WHERE part = touched AND slot = ANY (ARRAY(
    SELECT slot FROM headrace.revision WHERE part = touched AND changed_by <> writer
    ORDER BY random() LIMIT (SELECT greatest(count(*) - slots_max, 0)
                             FROM headrace.revision WHERE part = touched)
    FOR UPDATE SKIP LOCKED));
EXCEPTION WHEN serialization_failure THEN
  NULL;
END
)"},
    {.name = "touch",
     .head = R"((touched bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_bitmapscan = off SET enable_seqscan = off)",
     .body = R"(
DECLARE
  bumps_per_trim CONSTANT integer := 16;
  bumps_per_trim_if_serializable CONSTANT integer := 256;
  isolation text := current_setting('transaction_isolation');
  writer text := pg_current_xact_id() || ' ' || extract(epoch FROM transaction_timestamp());
  taken boolean := false;
BEGIN
  IF isolation <> 'serializable' THEN
    IF EXISTS (SELECT FROM headrace.revision WHERE part = touched AND changed_by = writer) THEN
      RETURN;
    END IF;
    IF isolation <> 'repeatable read' THEN
      taken := headrace.take(touched, writer);
    ELSE
      BEGIN
        taken := headrace.take(touched, writer);
      EXCEPTION WHEN serialization_failure THEN
        NULL;
      END;
    END IF;
  END IF;
  IF NOT taken THEN
    INSERT INTO headrace.revision (part, slot, changed_by) VALUES (touched, writer, writer)
    ON CONFLICT DO NOTHING;
  END IF;
  IF random() * (CASE isolation WHEN 'serializable' THEN bumps_per_trim_if_serializable
                                ELSE bumps_per_trim END) < 1 THEN
    PERFORM headrace.trim(touched, writer);
  END IF;
END
)"},
    {.name = "bump_table",
     .head = R"(() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp)",
     .body = R"(
DECLARE
  touched boolean := true;
BEGIN
  IF TG_OP = 'DELETE' THEN
    touched := EXISTS (SELECT FROM old_rows);
  ELSIF TG_OP <> 'TRUNCATE' THEN
    touched := EXISTS (SELECT FROM new_rows);
  END IF;
  IF touched THEN
    PERFORM headrace.touch(headrace.key(TG_ARGV[0], '', NULL));
  END IF;
  RETURN NULL;
END
)"},
    // format() says a value by its type's own output, and calls no cast of somebody else's.
    {.name = "bump_values",
     .head = R"(() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO' SET TimeZone = 'UTC')",
     .body = R"(
DECLARE
  values_max CONSTANT integer := 1000;
  changed text;
  spellings text[];
  one text;
BEGIN
  changed := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT %1$I AS v FROM new_rows'
    WHEN 'DELETE' THEN 'SELECT %1$I AS v FROM old_rows'
    WHEN 'UPDATE' THEN 'SELECT %1$I AS v FROM old_rows UNION ALL SELECT %1$I FROM new_rows' END;
  IF changed IS NOT NULL AND EXISTS (
      SELECT FROM pg_attribute
      WHERE attrelid = TG_RELID AND attname = TG_ARGV[1] AND NOT attisdropped) THEN
    EXECUTE format('SELECT array_agg(s) FROM (SELECT DISTINCT format(''%%s'', v) AS s FROM ('
                   || changed || ') AS r WHERE v IS NOT NULL LIMIT %2$s) AS d',
                   TG_ARGV[1], values_max + 1) INTO spellings;
    IF coalesce(cardinality(spellings), 0) <= values_max THEN
      FOREACH one IN ARRAY coalesce(spellings, '{}') LOOP
        PERFORM headrace.touch(headrace.key(TG_ARGV[0], TG_ARGV[1], one));
      END LOOP;
      RETURN NULL;
    END IF;
  END IF;
  PERFORM headrace.touch(headrace.key(TG_ARGV[0], TG_ARGV[1], NULL));
  RETURN NULL;
END
)"},
};

std::string argument(std::string_view text) {
  return "convert_to(" + std::string(text) + ", getdatabaseencoding()) || '\\x00'::bytea";
}

// Of a part of the question: the table's own name and its column's type, the record of the
// installation, and whether all triggers stand on all its tables.
std::string kept_parts() {
  return R"(
SELECT d.name, d."column", t.part, t.type, p.identity, k.stamps
FROM (SELECT DISTINCT name, "column" FROM asked) AS d
JOIN LATERAL (
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS part, a.atttypid AS type
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute AS a
    ON a.attrelid = c.oid AND a.attname = d."column" AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.oid = to_regclass(d.name) AND (d."column" = '' OR a.atttypid IS NOT NULL)) AS t ON true
JOIN headrace.part AS p ON p.name = t.part AND p."column" = d."column"
JOIN LATERAL (
  WITH RECURSIVE )" +
         relations_of("t.oid") + R"(
  SELECT string_agg(concat_ws(' ', c.oid, c.xmin, c.relfilenode, k.stamps), ',' ORDER BY c.oid)
           AS stamps, bool_and(k.number = 4) AS is_whole
  FROM relation JOIN pg_class AS c ON c.oid = relation.oid CROSS JOIN LATERAL (
    SELECT count(DISTINCT g.tgtype) AS number,
           string_agg(concat_ws(' ', g.oid, g.xmin), ' ' ORDER BY g.oid) AS stamps
    FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND )" +
         keeps_part("t.part", "d.\"column\"") + R"() AS k) AS k ON k.is_whole)";
}

}  // namespace

std::string_view revision_tables() {
  return tables;
}

std::span<const RevisionFunction> revision_functions() {
  return functions;
}

std::string revision_function(const RevisionFunction& one) {
  std::string sql = "CREATE OR REPLACE FUNCTION headrace." + std::string(one.name);
  sql += one.head;
  sql += " AS $headrace$";
  sql += one.body;
  return sql + "$headrace$;\n";
}

std::string keeps_part(std::string_view part, std::string_view column) {
  const std::string name = argument(part);
  const std::string both = name + " || " + argument(column);
  const std::string whole = std::string(column) + " = ''";
  return "g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr::text = '' AND g.tgtype IN (4, 8, "
         "16, 32) AND g.tgfoid = (SELECT f.oid FROM pg_proc AS f WHERE f.pronamespace = "
         "to_regnamespace('headrace') AND f.proname = CASE WHEN " +
         whole + " THEN 'bump_table' ELSE 'bump_values' END) AND g.tgargs = CASE WHEN " + whole +
         " THEN " + name + " ELSE " + both + " END";
}

std::string relations_of(std::string_view oid) {
  return "relation(oid) AS (SELECT " + std::string(oid) +
         " UNION SELECT i.inhrelid FROM relation JOIN pg_inherits AS i "
         "ON i.inhparent = relation.oid)";
}

// A truth has two spellings: that of its output, and that of its text.
std::string read_revisions() {
  return R"(WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    WITH ORDINALITY AS a(name, "column", value, n)),
kept AS MATERIALIZED ()" +
         kept_parts() + R"()
SELECT a.n, (
  SELECT encode(sha256(convert_to(concat_ws(';', k.identity, k.stamps, string_agg(
           concat_ws(' ', r.part, r.slot, r.revision), ',' ORDER BY r.part, r.slot)), 'UTF8')),
         'hex')
  FROM headrace.revision AS r WHERE r.part = ANY (ARRAY[
    headrace.key(k.part, k."column", NULL),
    CASE WHEN k."column" <> '' THEN headrace.key(k.part, k."column",
                                                 headrace.spelled(k.type, a.value)) END])),
  CASE WHEN k."column" = '' THEN true
    ELSE headrace.spelled(k.type, a.value) = a.value AND NOT EXISTS (
      SELECT FROM pg_type AS y WHERE y.oid = k.type AND y.typcategory = 'B') END
FROM asked AS a LEFT JOIN kept AS k ON k.name = a.name AND k."column" = a."column"
WHERE k.part IS NOT NULL)";
}

}  // namespace headrace::postgres
