/** What a reader is told once everything runs. */
export interface Greeting {
  readonly controlRoomUrl: string;
  readonly userServiceUrl: string;
  /** Where the token for writing is kept. */
  readonly tokenFile: string;
  readonly database: string;
  readonly cache: string;
  readonly events: string;
  /** Somebody to ask for; undefined when the database has nobody. */
  readonly exampleId: string | undefined;
}

export function greetingText(greeting: Greeting): string {
  const { controlRoomUrl, userServiceUrl, exampleId } = greeting;
  const path = exampleId ? `/users/${exampleId}` : '/users';
  const rows = [
    ['Control room', controlRoomUrl],
    ['user-service', userServiceUrl],
    ['API token', greeting.tokenFile],
    ['Database', greeting.database],
    ['Cache', greeting.cache],
    ['User events', greeting.events],
  ];
  return [
    '',
    ...rows.map(([name = '', value]) => `  ${name.padEnd(14)}${value}`),
    '',
    'Try this, twice:',
    `  curl -i ${userServiceUrl}${path}`,
    '',
    'Ctrl-C ends everything.',
    '',
  ].join('\n');
}
