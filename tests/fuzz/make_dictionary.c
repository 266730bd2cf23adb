/* Prints the words of a config as a dictionary for libFuzzer: keys, each part of them, choices, and
 * layers with their options. */
#include "config/config.h"
#include "model/layer.h"

#include <stdio.h>
#include <string.h>

static void print_options(gan_options options) {
  for (int i = 0; i < options.count; i++) {
    const gan_option *row = &options.rows[i];
    printf("\"%s: \"\n\"\\xff%s=\"\n", row->key, row->key); /* \xff: an override follows */
    for (const char *dot = strchr(row->key, '.'); dot; dot = strchr(dot + 1, '.'))
      printf("\"%s: \"\n", dot + 1);
    for (int k = 0; row->choices && row->choices[k]; k++) printf("\"%s\"\n", row->choices[k]);
  }
}

int main(void) {
  print_options(gan_config_options());
  gan_layer_schemas layers = gan_layer_table();
  for (int i = 0; i < layers.count; i++) {
    printf("\"%s: {\"\n", layers.rows[i]->name);
    print_options(layers.rows[i]->options);
  }
  return 0;
}
