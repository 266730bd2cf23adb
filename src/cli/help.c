#include "base/log.h"
#include "base/version.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "model/layer.h"

#include <string.h>

#define USAGE "[config | KEY | LAYER | COMMAND]"

static void print_option(const gan_option *option, const char *prefix) {
  char allowed[512];
  gan_option_allowed(option, allowed, sizeof allowed);
  gan_log("%s%s", prefix, option->key);
  gan_log("%s    %s", prefix, option->help);
  gan_log("%s    %s%s%s%s; default: %s", prefix, allowed, *option->unit ? " (" : "", option->unit,
          *option->unit ? ")" : "", option->fallback ? option->fallback : "none, it must be given");
}

static void print_layer(const gan_layer_schema *schema) {
  gan_log("- %s: %s", schema->name, schema->help);
  for (int i = 0; i < schema->options.count; i++) print_option(&schema->options.rows[i], "    ");
}

static void print_config(void) {
  gan_options options = gan_config_options();
  gan_layer_schemas layers = gan_layer_table();
  gan_log("Keys of a config; nested mappings in YAML, dotted with --set:\n");
  for (int i = 0; i < options.count; i++) print_option(&options.rows[i], "");
  gan_log("\nLayers of model.generator, model.discriminator and the other networks, one "
          "'- layer: {options}' a line:\n");
  for (int i = 0; i < layers.count; i++) print_layer(layers.rows[i]);
}

static void print_commands(void) {
  gan_log("mpigan %s: trains generative adversarial networks on HPC clusters\n", gan_version());
  for (int i = 0; i < gan_command_count(); i++) {
    const gan_command *command = gan_command_at(i);
    gan_log("  mpigan %s %s\n      %s", command->name, command->usage, command->summary);
  }
  gan_log("\nExit status: 0 finished; 2 usage, config or launch mistake; 3 unusable input or\n"
          "checkpoint; 4 could not write; 5 stopped on numbers; 6 internal error;\n"
          "75 start me again: it continues from the newest checkpoint.");
}

static gan_status print_topic(const char *topic) {
  gan_options options = gan_config_options();
  gan_layer_schemas layers = gan_layer_table();
  bool found = false;
  const gan_command *command = gan_command_find(topic);
  if (command) {
    gan_log("mpigan %s %s\n    %s", command->name, command->usage, command->summary);
    if (command->explain) command->explain();
    return GAN_OK;
  }
  for (int i = 0; i < layers.count; i++) {
    if (strcmp(layers.rows[i]->name, topic) != 0) continue;
    print_layer(layers.rows[i]);
    return GAN_OK;
  }
  size_t n = strlen(topic);
  for (int i = 0; i < options.count; i++) { /* a key, or a group such as train */
    const char *key = options.rows[i].key;
    if (strncmp(key, topic, n) != 0 || (key[n] && key[n] != '.')) continue;
    print_option(&options.rows[i], "");
    found = true;
  }
  if (found) return GAN_OK;
  const char *nearest = gan_options_nearest(options, topic);
  return gan_fail(GAN_USAGE, "help: no key, layer or command '%.100s'%s%s%s", topic,
                  nearest ? " (did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?)" : "; `mpigan help config` lists all");
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  (void)comm;
  const char *topic = NULL;
  const gan_argument table[] = {{.what = "TOPIC", .text = &topic}};
  GAN_TRY(gan_arguments_parse("help", USAGE, table, 1, argc, argv));
  if (!topic)
    print_commands();
  else if (strcmp(topic, "config") == 0)
    print_config();
  else
    return print_topic(topic);
  return GAN_OK;
}

const gan_command gan_command_help = {
    .name = "help",
    .usage = USAGE,
    .summary = "this page; config: all keys and layers; or one of them",
    .run = run,
};
