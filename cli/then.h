/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow check --then 'CMD'`: a command for each accepted photo, for users with a main model of their own.
 */
#ifndef CLI_THEN_H
#define CLI_THEN_H

/* Runs `command` in the shell, with the path in place of each {}, or as the last argument where there is
 * none. The path is handed over as a parameter, never as text, so that no name of a file can be taken for a
 * command; so {} stands outside quotes. WINNOW_CLASS and WINNOW_PROBABILITY tell the class, where there are
 * classes (class_name not NULL). Returns the exit status, 128 + the signal that ended it, or -1: it could not
 * be started. Its standard input is empty. */
int then_run(const char *command, const char *path, const char *class_name, double probability);

#endif
