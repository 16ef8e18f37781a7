import { describe, expect, test } from 'vitest';
import { readConfig, withoutPassword } from './config.ts';

const read = (environment: Record<string, string>) => readConfig(environment, '/checkout', '/here');

describe('the configuration', () => {
  test('needs nothing to be set', () => {
    expect(read({})).toEqual({
      housePort: 3000,
      userServicePort: 3001,
      dataDir: '/checkout/.data',
      databaseUrl: undefined,
      redisUrl: undefined,
      kafkaBrokers: undefined,
    });
  });

  test('takes every value from the environment', () => {
    const environment = {
      HOUSE_PORT: '4000',
      USER_SERVICE_PORT: '65535',
      SHOPGPT_DATA_DIR: '/srv/data',
      DATABASE_URL: 'postgresql://u:p@db/users',
      REDIS_URL: 'rediss://cache:6380',
      KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
    };
    expect(read(environment)).toEqual({
      housePort: 4000,
      userServicePort: 65_535,
      dataDir: '/srv/data',
      databaseUrl: 'postgresql://u:p@db/users',
      redisUrl: 'rediss://cache:6380',
      kafkaBrokers: 'kafka-1:9092, kafka-2:9092',
    });
  });

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(read({}))).toBe(true);
  });

  test('takes an empty variable as absent', () => {
    expect(read({ HOUSE_PORT: '', DATABASE_URL: '', SHOPGPT_DATA_DIR: '' })).toEqual(read({}));
  });

  test('finds a relative data folder from where the command was given', () => {
    expect(read({ SHOPGPT_DATA_DIR: 'mine' }).dataDir).toBe('/here/mine');
  });

  test('lists every mistake at once', () => {
    const wrong = {
      HOUSE_PORT: 'http',
      USER_SERVICE_PORT: '70000',
      DATABASE_URL: 'mysql://db/users',
      REDIS_URL: 'localhost',
      KAFKA_BROKERS: 'kafka://kafka-1:9092',
    };
    expect(() => read(wrong)).toThrow(
      expect.objectContaining({
        code: 'ERR_HOUSE_CONFIG',
        message: [
          'The configuration is wrong:',
          '  HOUSE_PORT must be a port from 1 to 65535, got "http"',
          '  USER_SERVICE_PORT must be a port from 1 to 65535, got "70000"',
          '  DATABASE_URL must look like postgres://user:password@host:5432/name',
          '  REDIS_URL must look like redis://host:6379',
          '  KAFKA_BROKERS must look like host:9092 or host:9092,host:9092',
        ].join('\n'),
      }),
    );
  });

  test.each(['0', '-1', '1.5', '65536', ' 80', '0x10', '1e3'])('refuses the port "%s"', (port) => {
    expect(() => read({ HOUSE_PORT: port })).toThrow(`got "${port}"`);
  });

  test('refuses one port for two listeners', () => {
    expect(() => read({ HOUSE_PORT: '3001' })).toThrow(
      'USER_SERVICE_PORT must differ from HOUSE_PORT',
    );
  });

  test('never repeats a URL that may hold a password', () => {
    expect(() => read({ DATABASE_URL: 'postgres//app:s3cret@db/users' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    );
  });
});

test('a URL is shown without its password and options', () => {
  expect(withoutPassword('postgres://app:s3cret@db:5432/users?password=s3cret')).toBe(
    'postgres://app:***@db:5432/users',
  );
  expect(withoutPassword('redis://cache:6379')).toBe('redis://cache:6379');
});
